# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Whether a new network may take over: it is run on held frames and compared with the old one.

The limits are far from what two good networks differ by: they keep broken ones out. Which of two
good ones is better is for whoever makes them to say.
"""

from __future__ import annotations

import time

import cv2
import numpy as np

from depth_ros.config import Config
from depth_ros.engines import Engine, EngineSpec
from depth_ros.engines.spec import Arrays
from depth_ros.errors import EngineError
from depth_ros.frame import Camera, Float32, Frame
from depth_ros.network import Network
from depth_ros.preprocess import ToInput
from depth_ros.swap.held import Held, sample

MOST_FACTOR = 2.0  # between the medians of two networks that both claim metres
LEAST_IN_RANGE = 0.2  # share of the pixels within depth.min_m and depth.max_m
LEAST_SPREAD = 0.01  # of depth, as a share of its median
_CAMERA = Camera.from_fov(320, 240, 1.0)


def check(
    network: Network, held: tuple[Held, ...], old: EngineSpec, config: Config
) -> tuple[Held, ...]:
    """Runs the network, which nobody uses yet; returns the held frames with its own depth.

    Raises EngineError with the numbers where its outputs are not finite, its depth is constant or
    mostly out of range while the old one's is not, or its metres are others than the old one's.
    Without held frames two artificial images are used, which tell less.
    """
    frames = [h.frame for h in held] or _artificial()
    network.resize("network")  # enough for samples; the pipeline sets its own size
    depths = [_run(network, frame) for frame in frames]
    network.reset()
    if network.pose is not None:
        _run_pose(network.pose, frames)
    new = np.stack(depths)
    before = np.stack([h.depth for h in held]) if held else None
    _check_spread(new, before)
    if before is not None:
        _check_range(new, before, config)
        if network.spec.metric and old.metric:
            _check_scale(new, before)
    return tuple(Held(h.frame, depth) for h, depth in zip(held, depths, strict=False))


def _run(network: Network, frame: Frame) -> Float32:
    """Samples of the depth of a frame."""
    started = time.perf_counter()
    outputs = network.infer(network.preprocess(frame.image))
    _check_finite(outputs)
    depth, _, _ = network.decode(outputs, frame.camera)
    time.sleep(time.perf_counter() - started)  # half of the processor is left to the old network
    return sample(depth)


def _run_pose(pose: Engine, frames: list[Frame]) -> None:
    spec, to_input = pose.spec, ToInput(pose.spec)
    pair = np.zeros(spec.inputs[0].shape, spec.inputs[0].dtype)
    for frame in frames:
        pair[..., :3, :, :] = pair[..., 3:, :, :]
        pair[..., 3:, :, :] = to_input(frame.image)[spec.inputs[0].name][..., :3, :, :]
        _check_finite(pose.infer({spec.inputs[0].name: pair}))


def _check_finite(outputs: Arrays) -> None:
    for name, values in outputs.items():
        bad = values.size - np.count_nonzero(np.isfinite(values))
        if bad:
            raise EngineError(
                f"output {name} of the new network",
                expected="finite numbers",
                got=f"{bad} of {values.size} that are not",
            )


def _check_spread(new: Float32, before: Float32 | None) -> None:
    if _spread(new) < LEAST_SPREAD and (before is None or _spread(before) >= LEAST_SPREAD):
        seen = "" if before is None else f"; the old one's spreads by {_spread(before):.1%}"
        raise EngineError(
            "depth of the new network",
            expected=f"one that spreads by {LEAST_SPREAD:.0%} or more of its median{seen}",
            got=f"{_spread(new):.2%} around {np.median(new):.4g} in {len(new)} images",
        )


def _check_range(new: Float32, before: Float32, config: Config) -> None:
    share, old = _in_range(new, config), _in_range(before, config)
    if share < LEAST_IN_RANGE and share < old / 2:
        raise EngineError(
            "depth of the new network",
            expected=f"{LEAST_IN_RANGE:.0%} or more of it in the range {config.depth.min_m:g} to "
            f"{config.depth.max_m:g} m; the old one's: {old:.0%}",
            got=f"{share:.0%}, and a median of {np.median(new):.4g} m",
        )


def _check_scale(new: Float32, before: Float32) -> None:
    valid = (new > 0) & (before > 0) & np.isfinite(before)
    if not valid.any():
        return
    ours, theirs = float(np.median(new[valid])), float(np.median(before[valid]))
    if not 1 / MOST_FACTOR <= ours / theirs <= MOST_FACTOR:
        raise EngineError(
            "metres of the new network",
            expected=f"a median within a factor of {MOST_FACTOR:g} of the old one's {theirs:.4g}",
            got=f"{ours:.4g} on the same {len(new)} frames",
            fix="If the new one is right, configure the node again: it then starts with it.",
        )


def _spread(depth: Float32) -> float:
    finite = depth[np.isfinite(depth)]
    if not finite.size:
        return 0.0
    low, middle, high = np.percentile(finite, (1, 50, 99))
    return float((high - low) / max(abs(middle), 1e-9))


def _in_range(depth: Float32, config: Config) -> float:
    factor = config.scale.factor if config.scale.source == "fixed" else 1.0
    metres = depth * factor
    return float(np.mean((metres >= config.depth.min_m) & (metres <= config.depth.max_m)))


def _artificial() -> list[Frame]:
    """Two images of coloured blobs."""
    rng = np.random.default_rng(0)
    size = (_CAMERA.width, _CAMERA.height)
    cells = [rng.integers(0, 256, (6, 8, 3), np.uint8) for _ in range(2)]
    images = [cv2.resize(c, size, interpolation=cv2.INTER_CUBIC) for c in cells]
    return [Frame(k, "artificial", np.asarray(image), _CAMERA) for k, image in enumerate(images)]
