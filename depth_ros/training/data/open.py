# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Opens what a recipe or a command names as a data set, whatever its layout."""

from __future__ import annotations

from pathlib import Path

from depth_ros.errors import SourceError
from depth_ros.training.data.chosen import Chosen
from depth_ros.training.data.layouts import OPENERS
from depth_ros.training.data.readers.reading import DataSet, scenes_of
from depth_ros.training.data.source_config import SourceConfig


def open_data(source: SourceConfig, root: Path) -> DataSet:
    """The readings that ``source`` names; ``root`` is the folder of all data.

    Opening lists files and reads no images. ``scenes`` and ``skip_scenes`` choose among all
    readings, then ``first``, ``stop`` and ``every`` among those. Raises SourceError.
    """
    path = source.where(root)
    if source.kind != "rendered" and not path.exists():
        made = f"Make it: python -m depth_ros.training.data.rendered {path} --scenes 1000"
        raise SourceError(
            f"no {path}",
            expected=f"data of the kind {source.kind}",
            got="nothing",
            fix=made if source.kind == "pool" else None,
        )
    data = OPENERS[source.kind](path, source)
    if source.scenes or source.skip_scenes or source.scene_weights:
        data = _of_scenes(data, source)
    if (source.first, source.stop, source.every) == (0, 0, 1):
        return data
    chosen = range(len(data))[source.first : source.stop or None : source.every]
    if not chosen:
        expected = f"a first frame below {len(data)}"
        raise SourceError(f"frames of {path}", expected=expected, got=source.first)
    return Chosen(data, chosen, source.every)


def _of_scenes(data: DataSet, source: SourceConfig) -> DataSet:
    """What is left of the scenes. Raises SourceError for a scene that does not exist."""
    scenes = scenes_of(data)
    named = {*source.scenes, *source.skip_scenes, *source.scene_weights}
    if named - set(scenes):
        got = sorted(named - set(scenes))
        raise SourceError(f"scenes of {data.name}", expected=sorted(scenes), got=got)
    if not (source.scenes or source.skip_scenes):
        return data
    wanted = set(source.scenes or scenes) - set(source.skip_scenes)
    indices = sorted(i for name in wanted for i in scenes[name])
    if not indices:
        raise SourceError(f"scenes of {data.name}", expected="some that are left", got="none")
    return Chosen(data, indices)
