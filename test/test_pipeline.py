# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The whole pipeline on a network with exact answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from depth_ros.config import Config, from_dict
from depth_ros.errors import EngineError, FrameError
from depth_ros.frame import Camera, Frame
from depth_ros.pipeline import DepthPipeline, make_pipeline

CAMERA = Camera(128, 96, 100.0, 100.0, 63.5, 47.5)


def frame(grey: int, stamp_ns: int = 1, **changes: object) -> Frame:
    image = np.full((96, 128, 3), grey, np.uint8)
    return replace(Frame(stamp_ns, "camera", image, CAMERA), **changes)  # type: ignore[arg-type]


def pipeline(engine: Path, **changes: object) -> DepthPipeline:
    exact = {"engine.path": str(engine), "engine.precision": "fp32"}
    return make_pipeline(from_dict({**exact, **changes}))


def test_a_grey_image_has_the_depth_that_the_network_says(tiny_engine: Path) -> None:
    result = pipeline(tiny_engine).process(frame(51, stamp_ns=42, dropped=3))
    assert result.depth.shape == (96, 128) and result.camera == CAMERA
    assert np.allclose(result.depth, 1 + 4 * 51 / 255, rtol=1e-3)
    assert np.allclose(result.confidence, 1)
    assert (result.stamp_ns, result.frame_id, result.dropped) == (42, "camera", 3)
    assert result.scale_known and result.image.shape == (96, 128, 3)
    assert list(result.stages_ms) == ["preprocess", "engine", "decode", "odometry", "scale"]
    assert all(ms >= 0 for ms in result.stages_ms.values())


def test_network_size_gives_camera_and_image_of_that_size(tiny_engine: Path) -> None:
    result = pipeline(tiny_engine, **{"depth.size": "network"}).process(frame(51))
    assert result.depth.shape == result.confidence.shape == result.image.shape[:2] == (48, 64)
    assert result.camera == CAMERA.scaled(64, 48)


def test_a_guessed_camera_is_up_to_scale_until_a_factor_is_given(tiny_engine: Path) -> None:
    guessed = frame(51, camera_known=False)
    assert not pipeline(tiny_engine).process(guessed).scale_known
    fixed = pipeline(tiny_engine, **{"scale.source": "fixed", "scale.factor": 2.0})
    result = fixed.process(guessed)
    assert result.scale_known and np.allclose(result.depth, 2 * (1 + 4 * 51 / 255), rtol=1e-3)


def test_limits_hold_in_final_metres(tiny_engine: Path) -> None:
    values = {"scale.source": "fixed", "scale.factor": 2.0, "depth.max_m": 3.0}
    assert np.isnan(pipeline(tiny_engine, **values).process(frame(255)).depth).all()


def test_a_distorted_camera_is_rectified(tiny_engine: Path) -> None:
    lens = replace(CAMERA, distortion=(0.1, 0.0, 0.0, 0.0), projection=(90.0, 90.0, 60.0, 45.0))
    result = pipeline(tiny_engine).process(frame(51, camera=lens))
    assert result.camera == Camera(128, 96, 90.0, 90.0, 60.0, 45.0)


def test_live_settings_apply_to_the_next_frame(tiny_engine: Path) -> None:
    running = pipeline(tiny_engine)
    assert running.process(frame(255)).depth[0, 0] == pytest.approx(5.0, rel=1e-3)
    values = {"engine.path": str(tiny_engine), "depth.max_m": 4.0, "depth.size": "network"}
    running.reconfigure(from_dict(values))
    result = running.process(frame(255))
    assert result.depth.shape == (48, 64) and np.isnan(result.depth).all()


def test_ego_motion_is_off_when_nobody_wants_it(tiny_engine: Path) -> None:
    running = pipeline(tiny_engine)
    running.track(False)
    assert running.process(frame(51, 1)).motion.state == "off"
    running.track(True)
    assert running.process(frame(51, 2)).motion.state in ("reset", "lost")


def test_an_image_unlike_its_camera_is_refused_and_the_pipeline_lives(tiny_engine: Path) -> None:
    running = pipeline(tiny_engine)
    with pytest.raises(FrameError, match=r"expected 64x48.*got 128x96"):
        running.process(frame(51, camera=CAMERA.scaled(64, 48)))
    assert running.process(frame(51)).depth.shape == (96, 128)


def test_an_unknown_network_lists_the_zoo() -> None:
    with pytest.raises(EngineError, match="fastdepth_indoor"):
        make_pipeline(from_dict({"engine.path": "fastdepht"}))
    assert Config().engine.path == "fastdepth_indoor"
