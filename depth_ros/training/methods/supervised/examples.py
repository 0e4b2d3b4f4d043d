# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Examples by index: each is a pure function of the seed and its index."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import get_worker_info

from depth_ros.training.data.augment import AugmentConfig, Example, make_example
from depth_ros.training.data.draw import Mixture, first_whole
from depth_ros.training.data.readers.reading import Reading


class SupervisedExamples:
    """Augmented images of a mixture with their truth, as ``size`` (width, height) images.

    An item has ``image`` (H, W, 3) uint8 and the fields of Example as tensors, ``log_depth`` as
    (1, h, w), and ``skipped`` () int64, how many broken readings were drawn before this one.
    """

    def __init__(
        self,
        mixture: Mixture,
        size: tuple[int, int],
        focal: float | None,
        augment: AugmentConfig,
        seed: int,
        stride: int,
    ) -> None:
        self._mixture, self._size, self._focal = mixture, size, focal
        self._augment, self._seed, self._stride = augment, seed, stride

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Example ``index``, from 0. SourceError where nearly all readings are broken."""
        if get_worker_info() is not None:
            cv2.setNumThreads(0)  # one process is one thread; a forked pool of threads is broken
        rng = np.random.default_rng((self._seed, index))

        def read() -> Reading:
            source = self._mixture.draw(rng)
            return source.data.read(source.draw(rng))

        reading, skipped = first_whole(read, "images")
        example = make_example(reading, self._size, self._focal, self._augment, rng, self._stride)
        return {**tensors(example), "skipped": torch.tensor(skipped)}


def tensors(example: Example) -> dict[str, Tensor]:
    """An example as tensors, without a batch axis."""
    return {
        "image": torch.from_numpy(example.image),
        "log_depth": torch.from_numpy(example.log_depth)[None],
        "metric": torch.tensor(example.metric),
        "log_metres": torch.tensor(example.log_metres, dtype=torch.float32),
        "rays": torch.from_numpy(example.rays),
    }
