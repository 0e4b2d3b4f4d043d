# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The end of a run: its checkpoint becomes an entry of the zoo, checked and with its card."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from depth_ros.engines.export import TOLERANCE, Exportable, export, from_checkpoint
from depth_ros.engines.export.parity import Float32
from depth_ros.engines.spec import EngineSpec
from depth_ros.engines.zoo.entry import entry_name
from depth_ros.errors import EngineError, SourceError
from depth_ros.preprocess import ToInput
from depth_ros.training.card import Story, licence_of, training_card
from depth_ros.training.data.readers.reading import Readings
from depth_ros.training.origins import name_of, open_source, parts_of
from depth_ros.training.recipe import to_dict
from depth_ros.training.schedule import stage_at
from depth_ros.training.state import read_checkpoint

if TYPE_CHECKING:
    from depth_ros.training.config import TrainConfig
    from depth_ros.training.methods import Method

Say = Callable[[str], None]
IMAGES = 8  # on which torch and the exported file are compared
MILLIMETRE = 1e-3  # float32 resolves metres less finely than logarithms of them


def finish(config: TrainConfig, method: Method, checkpoint: Path, out: Path, say: Say) -> Path:
    """Makes the entry ``out``/zoo/NAME of a checkpoint's averaged weights; returns its folder.

    ONNX for any image size where the network's file is right at any, compared with torch on
    real images of the validation data (or else the training data), spec.json and CARD.md. The
    measures in the card are taken here, of the very weights that are exported. EngineError, and
    an older entry left as it was, if the file does not compute what torch computes.
    """
    stage, saved = config.stages[-1], read_checkpoint(checkpoint)
    examples = examples_seen(config, saved)
    parts = parts_of(config, examples)
    words = {
        "licence": licence_of(config.licence, parts),
        "description": config.description,
    }
    item = from_checkpoint(checkpoint, entry_name(config.name), **{**method.facts(stage), **words})
    images, images_are = real_images(config, item.spec)
    story = Story(
        config=to_dict(config),
        parts=parts,
        validated_on=[name_of(source) for source in config.validation],
        measures=method.validate(item.module, stage),
        run=run_rows(config, saved, examples),
        recipe=f"{config.name}.yaml",
    )
    card = training_card(item.spec, story, item.facts(), [checkpoint])
    folder = out / "zoo" / config.name
    _export(dataclasses.replace(item, card=card), folder, images, images_are, say)
    say(f"wrote {folder}; try it: depth_cli run SOURCE --engine.path {folder}")
    return folder


def examples_seen(config: TrainConfig, saved: Mapping[str, Any]) -> int:
    """How many images, pairs or clips the steps of a checkpoint have taken in all processes."""
    batches = (config.stages[stage_at(config, step)].batch for step in range(saved["step"]))
    processes = int(saved["provenance"]["processes"])
    return sum(batches) * config.optimizer.accumulate * processes


def run_rows(config: TrainConfig, saved: Mapping[str, Any], examples: int) -> dict[str, str]:
    """What the card says of the run: its code, its course, and the class of the machine."""
    origin = saved["provenance"]
    versions = ", ".join(f"{name} {version}" for name, version in origin["versions"].items())
    where = device_class(origin["device"])
    if origin["processes"] > 1:
        where = f"{origin['processes']} processes, each on {where}"
    rows = {
        "Code": f"commit {origin['git']}",
        "Versions": versions,
        "Seed": str(config.seed),
        "Steps": f"the weights after {saved['step']:,} of {config.steps:,}",
        "Examples": f"{examples:,} until then (images, pairs or clips)",
        "Time": f"{saved['seconds'] / 60:.1f} minutes on {where}",
        "Precision": config.precision,
        "Skipped": f"{saved['skipped_frames']} broken frames, {saved['skipped_steps']} steps",
        "Data": f"fingerprint {origin['data']['sha256'][:16]}",
    }
    if changes := origin.get("changes", []):
        steps = ", ".join(str(change["step"]) for change in changes)
        rows["Changed"] = f"settings or data, after step {steps} (provenance.json of the run)"
    return rows


def device_class(device: str) -> str:
    """What a device (cpu, cuda:0) is, without telling whose: a GPU's name, or how many threads."""
    if not device.startswith("cuda"):
        return f"{torch.get_num_threads()} CPU threads"
    return torch.cuda.get_device_name(device) if torch.cuda.is_available() else "a CUDA GPU"


def real_images(config: TrainConfig, spec: EngineSpec) -> tuple[list[Float32], str]:
    """The first readable frames of the validation data, or else of the training data, normalised.

    And what they are, in words. EngineError if no source has two of them.
    """
    to_input, name = ToInput(spec), spec.inputs[0].name
    for source in (*config.validation, *config.sources):
        try:
            readings = islice(iter(Readings(open_source(source, config))), IMAGES)
            images = [to_input(reading.image)[name].copy() for reading in readings]
        except SourceError:
            continue
        if len(images) >= 2:
            return images, f"first of {name_of(source)}"
    raise EngineError(
        "images to compare the exported network on",
        expected="two frames of a source",
        got="none that can be read",
        fix="depth_cli export CHECKPOINT --out FOLDER --images SOURCE exports without them.",
    )


def _export(
    item: Exportable, folder: Path, images: Sequence[Float32], images_are: str, say: Say
) -> None:
    """For any size or, where that is not what torch computes, for the one of the run."""
    tolerance = MILLIMETRE if item.spec.kind == "metres" else TOLERANCE
    write = partial(export, item, folder, images, images_are=images_are, say=say)
    try:
        write(dynamic=True, tolerance=tolerance)
    except EngineError as error:
        say(f"not for any size: {error}")
        write(tolerance=tolerance)
