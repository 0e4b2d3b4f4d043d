# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What the command asks for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from depth_ros.errors import ConfigError
from depth_ros.training.evaluation.disturb import NOTHING, Disturbance
from depth_ros.training.evaluation.maps import read_unit
from depth_ros.training.evaluation.protocols import Protocol
from depth_ros.training.evaluation.run import Watch
from depth_ros.training.evaluation.truth import Truth, read_truth


@dataclass(frozen=True)
class Request:
    """The command's arguments for one ``truth``; one of ``pred`` and ``engine`` is given.

    ``alone``: the engine forgets at every frame. ``baseline``: a constant depth is judged too.
    """

    protocol: Protocol
    truth: str
    pred: Path | None = None
    engine: Path | None = None
    kind: str = "depth"
    unit: str | None = None
    truth_unit: str | None = None
    truth_depth: str = ""
    uncertainty: Path | None = None
    backend: str = "auto"
    precision: str = "auto"
    watch: Watch | None = None
    disturb: Disturbance = NOTHING
    alone: bool = False
    baseline: bool = False

    def file(self) -> Path:
        """The predictions in files; ConfigError for an engine."""
        if self.pred is None:
            raise ConfigError(
                f"predictions for {self.protocol.name}",
                expected="files (--pred)",
                got="an engine",
                fix="This protocol needs more than the depth of one image.",
            )
        return self.pred

    def read_truth(self) -> Truth:
        """The truth, disturbed where that is asked for. Raises SourceError."""
        return read_truth(
            self.truth,
            read_unit(self.truth_unit),
            depth=self.truth_depth,
            disturb=self.disturb,
            layout="stereo" if self.protocol.task == "stereo_scale" else None,
        )
