# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A whole run: check, begin or go on, train, and make the entry of the zoo."""

from __future__ import annotations

import fcntl
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from depth_ros.errors import ConfigError
from depth_ros.schema import build
from depth_ros.training.config import TrainConfig
from depth_ros.training.kernels import prepare
from depth_ros.training.loading import check_sources
from depth_ros.training.methods import Method, make_method
from depth_ros.training.methods.common import data_folder
from depth_ros.training.parallel import Team, joined
from depth_ros.training.provenance import provenance
from depth_ros.training.recipe import differences, to_dict, to_yaml
from depth_ros.training.state import Run, assemble, read_checkpoint, restore
from depth_ros.training.stopping import stop_on_signals
from depth_ros.training.trainer import Trainer

Say = Callable[[str], None]

# What a run may go on with, if told so. All else would make it another run.
MAY_CHANGE = (
    *("name", "description", "licence", "data", "steps", "device", "threads", "workers"),
    *("validate_every", "validation_items", "validation", "patience", "deterministic"),
    *("checkpoint_every", "board_every", "pictures_every", "precision", "optimizer", "augment"),
)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says beside the settings."""

    changed: bool = False
    skip_broken: bool = False
    entry: bool = True


def run_training(
    config: TrainConfig,
    out: Path,
    options: Options,
    say: Say,
    make: Callable[[TrainConfig], Method] = make_method,
) -> Run:
    """Trains, or goes on with, the run in ``out``, to its end.

    Raises DepthError where data, settings or losses are wrong, and KeyboardInterrupt, with the
    state saved, after Ctrl-C.
    """
    prepare(config)
    with joined(config.device) as team:
        _check_precision(config, team)
        data = data_folder(config.data)
        if not options.skip_broken:
            check_sources(config, data)
        facts = provenance(config, data, team.size, str(team.device))
        with alone_in(out) if team.leads else nullcontext():
            method = make(config)
            run = _begin(config, method, team, out, facts, options, say)
            trainer = Trainer(config, method, run, team, out, facts)
            with stop_on_signals() as stop:
                trainer.train(stop)
            if stop.signal:
                _end_early(stop.signal, run.step, config.steps, out, say)
            if options.entry and team.leads:
                _finish(config, method, run, out, say)
    return run


@contextmanager
def alone_in(out: Path) -> Iterator[None]:
    """Makes the folder, and ConfigError while another process trains in it."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        file = (out / "lock").open("w")
    except OSError as error:
        raise ConfigError(
            f"cannot write into {out}: {error}", fix="Choose another --out."
        ) from error
    with file:
        try:
            # A record lock, not flock: the processes that read data must not inherit it, because
            # they live a little longer than a run that is killed.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigError(
                f"another process trains in {out}",
                fix="Wait for its end, or choose another --out.",
            ) from error
        yield


def _check_precision(config: TrainConfig, team: Team) -> None:
    if config.precision == "float16" and team.device.type != "cuda":
        raise ConfigError(
            "precision", expected="float32 or bfloat16 on a CPU", got="float16 without a GPU"
        )


def _end_early(number: int, step: int, steps: int, out: Path, say: Say) -> None:
    say(f"stopped after step {step} of {steps}, saved in {out}: the same command goes on")
    if number == signal.SIGTERM:
        raise SystemExit(128 + number)
    raise KeyboardInterrupt


def _begin(
    config: TrainConfig,
    method: Method,
    team: Team,
    out: Path,
    facts: dict[str, Any],
    options: Options,
    say: Say,
) -> Run:
    """The run in ``out`` as it was saved last, or a new one."""
    checkpoint = out / "checkpoint.pt"
    saved = read_checkpoint(checkpoint, team.device) if checkpoint.exists() else None
    if saved is not None:
        _check_same(config, facts, saved, out, options.changed)
        facts["changes"] = [*saved["provenance"].get("changes", []), *facts.get("changes", [])]
    if team.leads:
        write(out / "config.yaml", to_yaml(config))
        write(out / "provenance.json", json.dumps(facts, indent=2) + "\n")
    run = assemble(config, method, team)
    if saved is None:
        say(f"{_count(run)} parameters learn on {team.device}; all is written below {out}")
    else:
        restore(run, saved)
        say(f"goes on after step {run.step} of {config.steps} in {out}")
    return run


def _check_same(
    config: TrainConfig, facts: dict[str, Any], saved: dict[str, Any], out: Path, allowed: bool
) -> None:
    """That settings, data and processes are those of the checkpoint, or may differ."""
    changed = differences(_as_of_now(saved["config"]), to_dict(config))
    listed = [_told(name, *values) for name, values in changed.items()]
    never = [name for name in changed if name.split(".")[0] not in MAY_CHANGE]
    if never:
        raise ConfigError(
            f"the run in {out} has other settings: {'; '.join(listed)}",
            fix=f"Begin another run with another --out, or give {', '.join(never)} back.",
        )
    before, now = saved["provenance"]["data"], facts["data"]
    if before["sha256"] != now["sha256"]:
        listed += _changed_data(before["sources"], now["sources"])
    if saved["ranks"] != facts["processes"]:
        listed.append(f"{saved['ranks']} processes trained, now {facts['processes']}")
    if listed and not allowed:
        raise ConfigError(
            f"the run in {out} would go on with something else: {'; '.join(listed)}",
            fix="Give it back, begin another run with another --out, or go on with --changed.",
        )
    if listed:
        facts["changes"] = [{"step": saved["step"], "what": listed}]


def _told(name: str, before: Any, now: Any) -> str:
    text = f"{name} was {before!r} and is {now!r}"
    return text if len(text) <= 160 else f"{name} is not what it was"


def _as_of_now(saved: dict[str, Any]) -> dict[str, Any]:
    """A checkpoint's settings, with the defaults of those that came later."""
    try:
        return to_dict(build(TrainConfig, saved))
    except ConfigError:  # of those that are gone
        return saved


def _changed_data(before: list[dict[str, Any]], now: list[dict[str, Any]]) -> list[str]:
    old = {(s["kind"], s["path"]): s for s in before}
    found = []
    for s in now:
        was = old.get((s["kind"], s["path"]))
        if was is not None and was["sha256"] != s["sha256"]:
            sizes = f"{was['files']} files of {was['bytes']} bytes"
            found.append(
                f"the data of {s['kind']} {s['path']} were {sizes} and are "
                f"{s['files']} files of {s['bytes']} bytes"
            )
    return found or ["the list of sources"]


def write(path: Path, text: str) -> None:
    """Writes a text file atomically."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def _finish(config: TrainConfig, method: Method, run: Run, out: Path, say: Say) -> None:
    """An entry of the best weights or, without validation, of the last ones."""
    from depth_ros.training.finish import finish

    finish(config, method, out / ("checkpoint.pt" if run.best.step < 0 else "best.pt"), out, say)


def _count(run: Run) -> str:
    count = sum(p.numel() for p in run.module.parameters() if p.requires_grad)
    return f"{count:,}"
