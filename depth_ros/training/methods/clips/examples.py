# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Clips by index: frames with depth, camera and motion, changed in one way for the whole clip."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from depth_ros.frame import Camera, Float64
from depth_ros.training.data.augment import MAX_M, MIN_M, AugmentConfig
from depth_ros.training.data.draw import Mixture, Source, first_whole
from depth_ros.training.data.readers.reading import motion_between
from depth_ros.training.data.window import Window
from depth_ros.training.methods.clips.config import ClipsConfig
from depth_ros.training.methods.clips.draw import Frames, draw_frames
from depth_ros.training.methods.clips.geometry import (
    cut_image,
    draw_window,
    half_depth,
    in_axes,
)
from depth_ros.training.methods.clips.light import relight

ASSUMED_FOV = 1.0  # radians, where the camera is unknown


class ClipExamples:
    """Clip ``index`` is a function of the seed and the index alone.

    A clip of T frames is a dict of ``image`` (T, H, W, 3) uint8; ``depth`` (1, T, H/2, W/2) metres
    of the canonical camera, NaN where unknown; ``metric`` () bool, whether its scale is known;
    ``intrinsics`` (T, 4) fx, fy, cx, cy of the depth; ``motion`` (T, 4, 4) from each frame's
    camera to the next one's before it, this_from_previous in canonical metres, NaN where unknown
    and for the first; ``skipped`` () int64, clips that were broken before this one was found.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        size: tuple[int, int],
        frames: int,
        focal: float | None,
        config: ClipsConfig,
        augment: AugmentConfig,
        seed: int,
    ) -> None:
        self._mixture = Mixture(sources)
        self._size, self._frames, self._focal = size, frames, focal
        self._config, self._augment, self._seed = config, augment, seed

    def __getitem__(self, index: int, /) -> dict[str, Tensor]:
        """See above. SourceError where nearly all clips are broken."""
        cv2.setNumThreads(0)
        rng = np.random.default_rng((self._seed, index))
        c = self._config

        def read() -> Frames:
            source = self._mixture.draw(rng)
            return draw_frames(source, self._frames, c.stride_max, c.reverse_chance, rng)

        frames, skipped = first_whole(read, "clips")
        return {**self._example(frames, rng), "skipped": torch.tensor(skipped)}

    def _example(self, frames: Frames, rng: np.random.Generator) -> dict[str, Tensor]:
        first = frames.readings[0]
        window = draw_window(first.image, first.camera, self._size, self._augment, rng)
        pan = self._config.pan_px * rng.uniform(-1, 1, 2) if frames.still else np.zeros(2)
        windows = [window.moved(*(k * pan)) for k in range(len(frames.readings))]
        pairs = list(zip(frames.readings, windows, strict=True))
        image = np.stack([cut_image(reading.image, w) for reading, w in pairs])
        image = relight(image, self._augment, self._config.noise, self._config.flicker, rng)
        scale, intrinsics = self._camera(frames, windows)
        motion = _motions(frames, window)
        motion[:, :3, 3] *= scale
        depth = scale * _depths(frames, windows, self._size)
        return {
            "image": torch.from_numpy(image),
            "depth": torch.from_numpy(depth.astype(np.float32))[None],
            "metric": torch.tensor(first.camera is not None),
            "intrinsics": torch.from_numpy(intrinsics.astype(np.float32)),
            "motion": torch.from_numpy(motion.astype(np.float32)),
        }

    def _camera(self, frames: Frames, windows: list[Window]) -> tuple[float, Float64]:
        """What depth is multiplied by for the canonical camera, and (T, 4) fx, fy, cx, cy."""
        first = frames.readings[0]
        height, width = first.image.shape[:2]
        # A pan over one image moves the principal point alone: any focal length describes it.
        camera = first.camera or Camera.from_fov(width, height, ASSUMED_FOV)
        half = (self._size[0] // 2, self._size[1] // 2)
        seen = np.array([window.intrinsics(camera, half) for window in windows])
        if first.camera is None or self._focal is None:
            return 1.0, seen
        focal = 2 * float(np.sqrt(seen[0, 0] * seen[0, 1]))  # of the network's image
        return self._focal / focal, seen


def _depths(frames: Frames, windows: list[Window], size: tuple[int, int]) -> Float64:
    """(T, H/2, W/2) metres, NaN where unknown or out of range."""
    found = np.full((len(windows), size[1] // 2, size[0] // 2), np.nan)
    for k, (reading, window) in enumerate(zip(frames.readings, windows, strict=True)):
        if reading.depth is not None:
            found[k] = half_depth(reading.depth, reading.image, window)
    with np.errstate(invalid="ignore"):
        found[~((found > MIN_M) & (found < MAX_M))] = np.nan
    return found


def _motions(frames: Frames, window: Window) -> Float64:
    """(T, 4, 4) this_from_previous in the window's axes and metres; a still has none: identity."""
    found = np.full((len(frames.readings), 4, 4), np.nan)
    for k in range(1, len(frames.readings)):
        before, after = frames.readings[k - 1 : k + 1]
        motion = np.eye(4) if frames.still else motion_between(before, after)
        if motion is not None and (frames.still or before.camera is not None):
            found[k] = in_axes(motion, window.axes())
    return found
