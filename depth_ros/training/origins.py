# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What a run has learned from, for its card: sources, frames, draws, licences, first weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from depth_ros.engines.spec import EngineSpec
from depth_ros.schema import build
from depth_ros.share import engine_folder
from depth_ros.training.card import Part, plain_path
from depth_ros.training.config import TrainConfig
from depth_ros.training.data.open import open_data
from depth_ros.training.licences import (
    NOT_STATED,
    Licence,
    licence_of_file,
    licences_of,
    worst_of,
)
from depth_ros.training.methods.common import data_folder
from depth_ros.training.state import read_checkpoint

if TYPE_CHECKING:
    from depth_ros.training.data.readers.reading import DataSet
    from depth_ros.training.data.source_config import SourceConfig


def parts_of(config: TrainConfig, images: int) -> list[Part]:
    """The sources that are drawn from, as often as their shares of ``images``, and the start."""
    drawn = [source for source in config.sources if source.share > 0]
    total = sum(source.share for source in drawn)
    found = [
        Part(
            name_of(source),
            _licences(source, config),
            source.share / total,
            frames_of(source, config),
            round(images * source.share / total),
        )
        for source in drawn
    ]
    return [*found, *_start(config), *_teachers(config)]


def open_source(source: SourceConfig, config: TrainConfig) -> DataSet:
    """The source's readings. SourceError if it is not there."""
    return open_data(source, data_folder(config.data))


def frames_of(source: SourceConfig, config: TrainConfig) -> int | None:
    """How many frames the source has; None for what is rendered without end."""
    endless = source.kind == "rendered" and not source.stop
    return None if endless else len(open_source(source, config))


def name_of(source: SourceConfig) -> str:
    """The source in words, without the path to it."""
    words: list[str] = [source.kind]
    if source.stop:
        words.append(f"frames {source.first} to {source.stop - 1}")
    elif source.first:
        words.append(f"from frame {source.first}")
    if source.every > 1:
        words.append(f"1 of {source.every} frames")
    if source.split:
        words.append(plain_path(source.split))
    if source.scenes:
        words.append(f"only {', '.join(source.scenes)}")
    if source.skip_scenes:
        words.append(f"without {', '.join(source.skip_scenes)}")
    if source.kind == "rendered":
        return f"renderer of depth_ros ({', '.join(words)}, from seed {source.seed})"
    return f"{plain_path(source.path)} ({', '.join(words)})"


def _start(config: TrainConfig) -> list[Part]:
    """The weights that the run began with, and their licences."""
    start, found = config.start, []
    if start.entry:
        found.append(_entry(start.entry, "weights", "start"))
    if start.checkpoint:
        found.append(_checkpoint(Path(start.checkpoint).expanduser()))
    if start.encoder:
        path = data_folder(config.data) / start.encoder
        licence = Licence("", licence_of_file(path))
        found.append(Part(f"encoder of {path.name} (ImageNet)", (licence,), role="start"))
    return found


def _teachers(config: TrainConfig) -> list[Part]:
    """The networks whose depth was learned."""
    teacher = config.supervised.teacher if config.method == "supervised" else ""
    return [_entry(teacher, "depth", "teacher")] if teacher else []


def _entry(name: str, what: str, role: str) -> Part:
    spec = EngineSpec.load(engine_folder(name) / "spec.json")
    licence = Licence("", spec.licence or NOT_STATED)
    return Part(f"{what} of the entry {spec.network}", (licence,), role=role)


def _checkpoint(path: Path) -> Part:
    """An earlier run's weights: what its data, and the start of that run, mean for them."""
    earlier = build(TrainConfig, read_checkpoint(path)["config"])
    licences = [licence for source in earlier.sources for licence in _licences(source, earlier)]
    others = (*_start(earlier), *_teachers(earlier))
    use = worst_of([*licences, *(licence for part in others for licence in part.licences)])
    licence = Licence("", f"commercial use {use} by what it has learned from", use)
    return Part(f"weights of the run {earlier.name}", (licence,), role="start")


def _licences(source: SourceConfig, config: TrainConfig) -> tuple[Licence, ...]:
    return tuple(licences_of(source, source.where(data_folder(config.data))))
