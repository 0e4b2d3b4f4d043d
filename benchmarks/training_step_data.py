# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The same data for both steps, for training_step.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from plain_monodepth2 import FRAMES, SCALES, Batch
from torch.nn import functional


def as_plain(batch: Batch, *, lanczos: bool) -> Batch:
    """A batch of depth_train, with frames -1 and 1, as the published step reads it."""
    images, k = batch["images"].float() / 255, batch["k"]
    matrix = torch.eye(4, device=k.device).repeat(len(k), 1, 1)
    matrix[:, 0, 0], matrix[:, 1, 1], matrix[:, 0, 2], matrix[:, 1, 2] = k.unbind(1)
    made = {"k": matrix}
    for frame, place in zip(FRAMES, (0, 1, 2), strict=True):
        image = images[:, place]
        made[f"seen{frame}"] = image
        for scale in SCALES:
            size = image.shape[-2] >> scale, image.shape[-1] >> scale
            small = functional.adaptive_avg_pool2d(image, size)
            if lanczos and scale:
                pixels = [p.permute(1, 2, 0).cpu().numpy() for p in image]
                resized = [
                    cv2.resize(p, size[::-1], interpolation=cv2.INTER_LANCZOS4) for p in pixels
                ]
                small = torch.from_numpy(np.stack(resized)).permute(0, 3, 1, 2).to(image)
            made[f"color{frame}/{scale}"] = small
    return made


def made_up(folder: Path, size: tuple[int, int]) -> Path:
    """A folder with video of a picture that comes nearer."""
    rng = np.random.default_rng(0)
    coarse = [rng.uniform(0, 1, (n, 3 * n, 3)).astype(np.float32) for n in (8, 32, 128)]
    picture = sum(
        cv2.resize(c, (4 * size[0], 4 * size[1]), interpolation=cv2.INTER_CUBIC) for c in coarse
    )
    picture = (255 * (picture - picture.min()) / np.ptp(picture)).astype(np.uint8)
    (folder / "rgb").mkdir(parents=True)
    for i in range(60):
        part = 1 - 0.008 * i
        w, h = int(4 * size[0] * part), int(4 * size[1] * part)
        x, y = (4 * size[0] - w) // 2, (4 * size[1] - h) // 2
        view = cv2.resize(picture[y : y + h, x : x + w], size, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(folder / "rgb" / f"{i:06d}.jpg"), view)
    meta = {"width": size[0], "height": size[1], "fx": 0.58 * size[0], "fy": 0.58 * size[0]}
    meta |= {"cx": (size[0] - 1) / 2, "cy": (size[1] - 1) / 2, "fps": 10, "depth": None}
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder


def camera(folder: Path, size: tuple[int, int]) -> Any:
    """fx, fy, cx, cy at ``size``."""
    meta = json.loads((folder / "meta.json").read_text())
    across, down = size[0] / meta["width"], size[1] / meta["height"]
    centre = (meta["cx"] + 0.5) * across - 0.5, (meta["cy"] + 0.5) * down - 0.5
    return np.array([meta["fx"] * across, meta["fy"] * down, *centre], np.float32)
