# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The training step of Monodepth2 written straight from the paper: what training_step.py compares.

Godard et al., "Digging Into Self-Supervised Monocular Depth Estimation", ICCV 2019. Every formula
is one line of PyTorch in float32, images are decoded, jittered and resized by Pillow, and nothing
is reused or fused. The networks are the modules of depth_ros, so that weights can be the same.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageEnhance
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset

from depth_ros.engines.networks.monodepth2 import Monodepth2

SCALES, FRAMES, SOURCES = range(4), (0, -1, 1), (-1, 1)
Batch = dict[str, Tensor]


class PlainExamples(Dataset[Batch]):
    """Example i of a folder of video: three frames, at four scales, and jittered at the finest."""

    def __init__(self, files: list[Path], k: np.ndarray[Any, Any], size: tuple[int, int]) -> None:
        self.files, self.k, self.size = files, k, size

    def __len__(self) -> int:
        return 1_000_000

    def __getitem__(self, index: int) -> Batch:
        chance = random.Random(index)
        middle = chance.randrange(1, len(self.files) - 1)
        flip, jitter = chance.random() < 0.5, drawn_jitter(chance)
        batch = {"k": flipped_camera(self.k, self.size[0], flip)}
        for frame in FRAMES:
            with Image.open(self.files[middle + frame]) as opened:
                image = opened.convert("RGB")
            if flip:
                image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            width, height = self.size
            for scale in SCALES:
                small = (width >> scale, height >> scale)
                image = image.resize(small, Image.Resampling.LANCZOS)
                batch[f"color{frame}/{scale}"] = as_tensor(image)
                if scale == 0:
                    seen = image
                    for change in jitter:
                        seen = change(seen)
                    batch[f"seen{frame}"] = as_tensor(seen)
        return batch


def as_tensor(image: Image.Image) -> Tensor:
    """(3, H, W) float32 in [0, 1]."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().float() / 255


def flipped_camera(k: np.ndarray[Any, Any], width: int, flip: bool) -> Tensor:
    """(4, 4) intrinsics of the image or its mirror image."""
    matrix = np.eye(4, dtype=np.float32)
    fx, fy, cx, cy = k
    matrix[0, 0], matrix[1, 1] = fx, fy
    matrix[0, 2], matrix[1, 2] = width - 1 - cx if flip else cx, cy
    return torch.from_numpy(matrix)


def drawn_jitter(chance: random.Random) -> list[Any]:
    """Half of the time brightness, contrast, saturation (0.2) and hue (0.1), in any order."""
    if chance.random() < 0.5:
        return []
    light, contrast, color = (chance.uniform(0.8, 1.2) for _ in range(3))
    turn = chance.uniform(-0.1, 0.1)
    changes = [
        lambda image: ImageEnhance.Brightness(image).enhance(light),
        lambda image: ImageEnhance.Contrast(image).enhance(contrast),
        lambda image: ImageEnhance.Color(image).enhance(color),
        lambda image: turned_hue(image, turn),
    ]
    chance.shuffle(changes)
    return changes


def turned_hue(image: Image.Image, turn: float) -> Image.Image:
    """The hue turned by a share of a full turn."""
    hue, saturation, value = image.convert("HSV").split()
    levels = (np.array(hue).astype(np.int32) + round(turn * 255)) % 256
    turned = Image.fromarray(levels.astype(np.uint8))
    return Image.merge("HSV", (turned, saturation, value)).convert("RGB")


class PlainStep(nn.Module):
    """The networks, the synthesis and the losses, in the paper's order."""

    def __init__(self, network: Monodepth2) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Batch) -> Tensor:
        """The loss, (), of a batch of ``PlainExamples``."""
        return self.losses(batch, *self.predicted(batch))

    def predicted(self, batch: Batch) -> tuple[list[Tensor], dict[int, Tensor]]:
        """Disparities at four scales, and source_from_target (N, 4, 4) of each source."""
        seen = {frame: (batch[f"seen{frame}"] - 0.45) / 0.225 for frame in FRAMES}
        disparities = list(self.network(seen[0]))
        motions = {}
        for source in SOURCES:
            pair = [seen[source], seen[0]] if source < 0 else [seen[0], seen[source]]
            motion = self.network.motion(torch.cat(pair, 1))
            motions[source] = transformation(motion[:, :3], motion[:, 3:], invert=source < 0)
        return disparities, motions

    def losses(
        self, batch: Batch, disparities: list[Tensor], motions: dict[int, Tensor]
    ) -> Tensor:
        """Photometric and smoothness, mean over scales."""
        k, target = batch["k"], batch["color0/0"]
        total = target.new_zeros(())
        for scale in SCALES:
            full = functional.interpolate(
                disparities[scale], target.shape[-2:], mode="bilinear", align_corners=False
            )
            errors = []
            for source in SOURCES:
                points = back_projected(1 / full, k)
                pixels = projected(points, k, motions[source])
                warped = functional.grid_sample(
                    batch[f"color{source}/0"], pixels, padding_mode="border", align_corners=True
                )
                errors.append(reprojection_error(warped, target))
            still = [reprojection_error(batch[f"color{s}/0"], target) for s in SOURCES]
            unmoved = torch.cat(still, 1)
            unmoved = unmoved + 1e-5 * torch.randn_like(unmoved)
            best = torch.cat([unmoved, *errors], 1).min(1).values
            total = total + best.mean()
            normed = disparities[scale] / (disparities[scale].mean((2, 3), keepdim=True) + 1e-7)
            total = total + 1e-3 / 2**scale * smoothness(normed, batch[f"color0/{scale}"])
        return total / len(SCALES)


def transformation(axis_angle: Tensor, translation: Tensor, invert: bool) -> Tensor:
    """(N, 4, 4) of axis times angle (radians) and translation, or its inverse."""
    angle = axis_angle.norm(dim=1, keepdim=True) + 1e-12
    x, y, z = (axis_angle / angle).unbind(1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], 1).view(-1, 3, 3)
    sine, cosine = angle.sin()[..., None], angle.cos()[..., None]
    turn = torch.eye(3, device=x.device) + sine * cross + (1 - cosine) * cross @ cross
    whole = torch.eye(4, device=x.device).repeat(len(x), 1, 1)
    whole[:, :3, :3], whole[:, :3, 3] = turn, translation
    return torch.linalg.inv(whole) if invert else whole


def back_projected(depth: Tensor, k: Tensor) -> Tensor:
    """Homogeneous points (N, 4, H W) that the pixels see."""
    count, _, height, width = depth.shape
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    pixels = torch.stack([x, y, torch.ones_like(x)]).view(1, 3, -1).to(depth)
    points = torch.linalg.inv(k)[:, :3, :3] @ pixels
    points = depth.view(count, 1, -1) * points
    return torch.cat([points, torch.ones_like(points[:, :1])], 1).view(count, 4, height, width)


def projected(points: Tensor, k: Tensor, source_from_target: Tensor) -> Tensor:
    """(N, H, W, 2): where the source sees them, from -1 to 1 between the edge pixels' centres."""
    count, _, height, width = points.shape
    seen = (k @ source_from_target)[:, :3] @ points.view(count, 4, -1)
    pixels = (seen[:, :2] / (seen[:, 2:] + 1e-7)).view(count, 2, height, width)
    pixels = pixels.permute(0, 2, 3, 1)
    size = torch.tensor([width - 1, height - 1], device=points.device)
    return (pixels / size - 0.5) * 2


def reprojection_error(made: Tensor, target: Tensor) -> Tensor:
    """(N, 1, H, W): 0.85 (1 - SSIM) / 2 + 0.15 |difference|."""
    difference = (made - target).abs().mean(1, keepdim=True)
    a = functional.pad(made, (1, 1, 1, 1), mode="reflect")
    b = functional.pad(target, (1, 1, 1, 1), mode="reflect")
    mean_a, mean_b = functional.avg_pool2d(a, 3, 1), functional.avg_pool2d(b, 3, 1)
    variance_a = functional.avg_pool2d(a**2, 3, 1) - mean_a**2
    variance_b = functional.avg_pool2d(b**2, 3, 1) - mean_b**2
    covariance = functional.avg_pool2d(a * b, 3, 1) - mean_a * mean_b
    above = (2 * mean_a * mean_b + 0.01**2) * (2 * covariance + 0.03**2)
    below = (mean_a**2 + mean_b**2 + 0.01**2) * (variance_a + variance_b + 0.03**2)
    unlike = torch.clamp((1 - above / below) / 2, 0, 1).mean(1, keepdim=True)
    return 0.85 * unlike + 0.15 * difference


def smoothness(disparity: Tensor, image: Tensor) -> Tensor:
    """mean |dx d| exp(-|dx I|) + mean |dy d| exp(-|dy I|)."""
    across = (disparity[..., :-1] - disparity[..., 1:]).abs()
    down = (disparity[..., :-1, :] - disparity[..., 1:, :]).abs()
    edge_x = (image[..., :-1] - image[..., 1:]).abs().mean(1, keepdim=True)
    edge_y = (image[..., :-1, :] - image[..., 1:, :]).abs().mean(1, keepdim=True)
    return (across * torch.exp(-edge_x)).mean() + (down * torch.exp(-edge_y)).mean()
