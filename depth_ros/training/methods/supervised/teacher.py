# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Distillation: an entry of the zoo says what it sees in images that have no truth."""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np
import torch
from torch import Tensor

from depth_ros.decode import Decode
from depth_ros.engines import Engine, open_engine
from depth_ros.errors import ConfigError
from depth_ros.frame import Camera, Float32, UInt8
from depth_ros.preprocess import ToInput
from depth_ros.share import engine_folder

NEAR_M, FAR_M = 0.05, 1000.0  # where a teacher says anything else, it knows nothing


class Teacher:
    """Runs the entry ``name`` by the runtime's own preprocess, engine and decode.

    Any entry that needs no state will do, a foreign ONNX file's too. It is opened when it is first
    asked.
    """

    def __init__(self, name: str, threads: int = 0) -> None:
        self._folder, self._threads = engine_folder(name), threads

    @cached_property
    def _engine(self) -> Engine:
        engine = open_engine(self._folder, threads=self._threads)
        if engine.spec.states:
            raise ConfigError(
                "supervised.teacher",
                expected="an entry that sees single images",
                got=f"{engine.spec.network}, which is recurrent",
            )
        return engine

    def knows_scale(self, focal: float | None) -> bool:
        """Whether its depth is that of a canonical camera of ``focal`` pixels (None: metres)."""
        spec = self._engine.spec
        return spec.metric and (spec.canonical_focal_px is None) == (focal is None)

    def log_depth(self, images: Tensor, focal: float | None, like: Tensor) -> Tensor:
        """Of images (N, H, W, 3) uint8, as a camera of ``focal`` pixels sees it.

        Returns (N, 1, h, w) of the size and on the device of ``like``, NaN where it is unknown.
        """
        found = [self._see(image, focal, like.shape[-1], like.shape[-2]) for image in _rgb(images)]
        return torch.from_numpy(np.stack(found)[:, None]).to(like)

    def _see(self, image: UInt8, focal: float | None, width: int, height: int) -> Float32:
        rows, columns = image.shape[:2]
        px = focal or float(columns)  # without a canonical camera, no focal length is asked for
        camera = Camera(columns, rows, px, px, (columns - 1) / 2, (rows - 1) / 2)
        spec = self._engine.spec
        outputs = self._engine.infer(ToInput(spec)(image))
        depth, _, _ = Decode(spec, "network")(outputs, camera)
        depth = np.asarray(cv2.resize(depth, (width, height), interpolation=cv2.INTER_AREA))
        with np.errstate(invalid="ignore"):
            depth[~((depth > NEAR_M) & (depth < FAR_M))] = np.nan
        return np.asarray(np.log(depth), np.float32)


def _rgb(images: Tensor) -> list[UInt8]:
    return list(images.cpu().numpy())
