# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""depth_train: from a recipe and data to a zoo entry."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from depth_ros.cli.ending import exit_code
from depth_ros.errors import ConfigError
from depth_ros.schema import settings_of

if TYPE_CHECKING:
    from depth_ros.training.config import TrainConfig

EXAMPLES = """examples:
  depth_train fastdepth_indoor                      a shipped recipe, into build/fastdepth_indoor
  depth_train my.yaml --out runs/a --steps 500 --optimizer.learning_rate 1e-4 --stages.0.batch 4
  torchrun --nproc-per-node 4 -m depth_ros.training.cli my.yaml --out runs/a
Killed or stopped by Ctrl-C, the same command goes on from the last checkpoint.
"""


FLAGS = {
    "--changed": "go on although the data, or settings that may change (steps, workers), changed",
    "--skip-broken": "train although files are broken or missing: their frames are skipped",
    "--no-entry": "do not make a zoo entry at the end",
    "--show": "print the resolved settings, and do nothing else",
}


def parser() -> argparse.ArgumentParser:
    """The command's parser, without the settings, whose flags are read by themselves."""
    from depth_ros.training.config import TrainConfig

    listed = "\n".join(
        f"  --{s.name}\n      {s.text} Default: {s.default!r}." for s in settings_of(TrainConfig)
    )
    top = argparse.ArgumentParser(
        prog="depth_train",
        usage="depth_train RECIPE [--out FOLDER] [--SETTING VALUE ...]",
        description=EXAMPLES,
        epilog=f"settings, which are keys of a recipe, too:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = top.add_argument
    add("recipe", help="a YAML file, or the name of a shipped recipe")
    add("--out", type=Path, metavar="FOLDER", help="checkpoints, curves, entry (build/NAME)")
    for flag, text in FLAGS.items():
        add(flag, action="store_true", help=text)
    return top


def split(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The words for the parser, and ``--a.b value``, ``--a.b=value`` as {dotted name: text}."""
    ours: list[str] = []
    settings: dict[str, str] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if not name.startswith("--") or name in ("--", "--help", "--out", *FLAGS):
            ours.append(word)
            if word == "--out" and rest:
                ours.append(rest.pop(0))
            continue
        if not equals:
            if not rest or rest[0].startswith("--"):
                raise ConfigError(name, expected="a value after it", got="nothing")
            value = rest.pop(0)
        settings[name[2:]] = value
    return ours, settings


def run_command(words: Sequence[str]) -> None:
    """Trains, or shows the settings."""
    from depth_ros.training.recipe import find_recipe, load_config, to_yaml

    ours, changes = split(words)
    args = parser().parse_args(ours)
    config = load_config(find_recipe(args.recipe), changes)
    if args.show:
        sys.stdout.write(to_yaml(config))
        return
    _train(config, args)


def _train(config: TrainConfig, args: argparse.Namespace) -> None:
    try:
        from depth_ros.training.running import Options, run_training
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ConfigError(
            "training needs torch", fix="Install it: pip install 'depth_ros[train]'."
        ) from error
    options = Options(args.changed, args.skip_broken, not args.no_entry)
    run_training(config, args.out or Path("build") / config.name, options, _say)


def _say(text: str) -> None:
    if os.environ.get("RANK", "0") == "0":
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def main(argv: Sequence[str] | None = None) -> int:
    """0: trained; 2: a mistake that one sentence explains; 130: stopped by Ctrl-C."""
    return exit_code("depth_train", lambda: run_command(sys.argv[1:] if argv is None else argv))


if __name__ == "__main__":
    sys.exit(main())
