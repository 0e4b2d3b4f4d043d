# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Where a run can be watched: TensorBoard's curves and pictures, and the same numbers as text."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from depth_ros.errors import ConfigError


@dataclass
class Means:
    """Means of the loss's terms since the last point of the curves, kept on the device."""

    sums: dict[str, Tensor] = field(default_factory=dict)
    steps: int = 0

    def add(self, terms: dict[str, Tensor]) -> None:
        for name, value in terms.items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value
        self.steps += 1

    def take(self) -> dict[str, float]:
        """The means, and starts anew."""
        found = {k: float(v) / max(1, self.steps) for k, v in self.sums.items()}
        self.sums, self.steps = {}, 0
        return found


class Board:
    """Writes below ``out``: board/ for TensorBoard, and log.jsonl with a line for each point.

    A run that goes on at ``step`` takes back what was written of later steps. Without ``out``,
    in all processes but the first, nothing is written.
    """

    def __init__(self, out: Path | None, step: int) -> None:
        self._writer: Any = None
        self._log = out / "log.jsonl" if out else None
        if out and self._log:
            self._writer = _writer(out / "board", step)
            _cut(self._log, step)

    def point(self, step: int, group: str, values: Mapping[str, float]) -> None:
        """One point of each curve ``group/NAME`` after ``step`` steps."""
        if self._writer is None or self._log is None:
            return
        for name, value in values.items():
            self._writer.add_scalar(f"{group}/{name}", value, step)
        rounded = {name: float(f"{value:.6g}") for name, value in values.items()}
        with self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, group: rounded}) + "\n")

    def pictures(self, step: int, pictures: Mapping[str, Tensor]) -> None:
        """Pictures (3, h, w) in [0, 1] by name."""
        if self._writer is not None:
            for name, picture in pictures.items():
                self._writer.add_image(f"pictures/{name}", picture.float().cpu(), step)

    def text(self, name: str, text: str) -> None:
        """A text that belongs to the whole run."""
        if self._writer is not None:
            indented = "".join(f"    {line}\n" for line in text.splitlines())
            self._writer.add_text(name, indented)

    def flush(self) -> None:
        """Puts everything into the files, as before a checkpoint."""
        if self._writer is not None:
            self._writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _writer(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ConfigError(
            "TensorBoard, which draws the curves, is missing",
            fix="Install it: pip install 'depth_ros[train]', or pip install tensorboard.",
        ) from error
    return SummaryWriter(str(folder), purge_step=step + 1 if step else None)


def _cut(log: Path, step: int) -> None:
    """Drops the lines of later steps, and half a line at the end, atomically."""
    if not log.exists():
        return
    kept = []
    for line in log.read_text(encoding="utf-8").splitlines(keepends=True):
        try:
            late = json.loads(line)["step"] > step
        except (ValueError, KeyError, TypeError):
            continue
        if not late:
            kept.append(line)
    partial = log.with_suffix(".partial")
    partial.write_text("".join(kept), encoding="utf-8")
    os.replace(partial, log)
