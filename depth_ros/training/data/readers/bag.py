# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""rosbag2 folders, MCAP files and ROS 1 bags: one camera, or the two of a stereo rig."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from depth_ros.errors import FrameError, SourceError
from depth_ros.sources.bag import BagSource
from depth_ros.sources.source import Options
from depth_ros.training.data.readers.files import pick
from depth_ros.training.data.readers.reading import OneRecording, Reading
from depth_ros.training.data.readers.recorded import Recorded

_Stamps = npt.NDArray[np.int64]


class Bag(Recorded):
    """The images of one topic (without a name: the best one), rectified by its camera_info."""

    def __init__(self, path: Path, topic: str | None = None, *, rectified: bool = False) -> None:
        super().__init__(BagSource(path, Options(topic=topic)), rectified=rectified)


class StereoBag(OneRecording):
    """Pairs of two image topics whose stamps differ by ``slop_s`` at most, rectified.

    The baseline is -Tx / fx of the right camera_info's P (REP 104). ``rectified`` says that the
    images already are. Images without a partner are left out and counted in ``unpaired``.
    Opening it reads all stamps, and raises SourceError where nothing can be paired.
    """

    def __init__(
        self,
        path: Path,
        left: str,
        right: str,
        *,
        slop_s: float = 0.0,
        rectified: bool = False,
    ) -> None:
        sides = _Topic(path, Options(topic=left)), _Topic(path, Options(topic=right))
        stamps = sides[0].stamps_ns(), sides[1].stamps_ns()
        self._pairs = pair_stamps(*stamps, round(slop_s * 1e9))
        self.unpaired = len(stamps[0]) + len(stamps[1]) - 2 * len(self._pairs)
        self.name = f"{path.name} {left} {right}"
        if not self._pairs:
            raise SourceError(
                f"no pairs in {self.name}",
                expected=f"stamps at most {slop_s} s apart",
                got=_nearest(*stamps),
                fix="Give a larger slop_s if the cameras are not triggered together.",
            )
        self._baseline_m = sides[1].baseline_m()
        self._left, self._right = (Recorded(side, rectified=rectified) for side in sides)

    def __len__(self) -> int:
        """How many pairs there are."""
        return len(self._pairs)

    def read(self, index: int) -> Reading:
        """Pair ``index`` by the left image's place. Raises SourceError."""
        number, other = pick(self._pairs, index, self.name)
        left, right = self._left.read(number), self._right.read(other)
        if left.image.shape != right.image.shape:
            shapes = [f"{r.image.shape[1]}x{r.image.shape[0]}" for r in (left, right)]
            raise SourceError(f"size of {right.name}", expected=shapes[0], got=shapes[1])
        return Reading(
            name=f"{self.name} {index}",
            image=left.image,
            camera=left.camera,
            stamp_ns=left.stamp_ns,
            right=right.image,
            baseline_m=self._baseline_m,
        )

    def problems(self) -> list[str]:
        """Images without a partner, and a rig whose baseline nobody knows."""
        found = []
        if self.unpaired:
            found.append(f"{self.name}: {self.unpaired} images without a partner")
        if self._baseline_m is None:
            found.append(f"{self.name}: no baseline in the right camera_info's P")
        return found


def pair_stamps(left: _Stamps, right: _Stamps, slop_ns: int) -> list[tuple[int, int]]:
    """Places (left, right) of pairs at most ``slop_ns`` apart, in the order of the left stamps.

    Each left image asks for the nearest right one; no image is used twice, the nearer pair wins.
    """
    if not len(left) or not len(right):
        return []
    order = np.argsort(right, kind="stable")
    after = np.clip(np.searchsorted(right[order], left), 1, max(len(right) - 1, 1))
    around = order[np.stack([after - 1, np.minimum(after, len(right) - 1)])]
    gaps = np.abs(right[around] - left)
    nearest, gap = around[np.argmin(gaps, axis=0), np.arange(len(left))], gaps.min(axis=0)
    taken: dict[int, int] = {}
    for number in np.argsort(gap, kind="stable"):
        if gap[number] <= slop_ns:
            taken.setdefault(int(nearest[number]), int(number))
    return sorted((number, other) for other, number in taken.items())


class _Topic(BagSource):
    """One image topic, with what a stereo pair needs beside its images."""

    def stamps_ns(self) -> _Stamps:
        """The stamp of each image message, in the bag's order; the bag's where it is broken."""
        from rosbags.highlevel import AnyReaderError

        from depth_ros.messages import stamp_ns

        stamps = []
        with self._reader() as reader:
            chosen = [c for c in reader.connections if c.topic == self._topic]
            for connection, bag_ns, raw in reader.messages(chosen):
                try:
                    header = reader.deserialize(raw, connection.msgtype).header
                    stamps.append(stamp_ns(header.stamp) or bag_ns)
                except (FrameError, AnyReaderError):
                    stamps.append(bag_ns)
        return np.array(stamps, np.int64)

    def baseline_m(self) -> float | None:
        """-Tx / fx of the first camera_info that is calibrated; None where there is none."""
        with self._reader() as reader:
            infos = [c for c in reader.connections if c.topic == self._info_topic]
            for connection, _, raw in reader.messages(infos) if infos else ():
                message = reader.deserialize(raw, connection.msgtype)
                p = message.p if hasattr(message, "p") else message.P
                if p[0] > 0:
                    return float(-p[3] / p[0]) if p[3] < 0 else None
        return None


def _nearest(left: _Stamps, right: _Stamps) -> str:
    if not len(left) or not len(right):
        return f"{len(left)} left and {len(right)} right images"
    gap = min(int(np.abs(right - stamp).min()) for stamp in left)
    return f"the nearest are {gap / 1e9:.6f} s apart"
