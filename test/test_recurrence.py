# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The state of a recurrent network: carried from frame to frame, forgotten where it must be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import write_counting_engine, write_tiny_engine

from depth_ros.config import from_dict
from depth_ros.engines import open_engine
from depth_ros.errors import EngineError
from depth_ros.frame import Camera, Frame
from depth_ros.network import Network
from depth_ros.pipeline import DepthPipeline, make_pipeline

CAMERA = Camera(64, 48, 50.0, 50.0, 31.5, 23.5)
SECOND = 1_000_000_000
BACKENDS = ["openvino", "onnxruntime"]


def frame(stamp_s: float, camera: Camera = CAMERA) -> Frame:
    image = np.zeros((camera.height, camera.width, 3), np.uint8)
    return Frame(round(stamp_s * SECOND), "camera", image, camera)


def depth_of(pipeline: DepthPipeline, of: Frame) -> float:
    return float(pipeline.process(of).depth[5, 5])


@pytest.fixture(params=BACKENDS)
def counting(request: pytest.FixtureRequest, tmp_path: Path) -> DepthPipeline:
    """Depth = the number of frames since the state began."""
    pytest.importorskip(request.param)
    folder = write_counting_engine(tmp_path / "counting")
    values = {"path": str(folder), "backend": request.param, "precision": "fp32"}
    return make_pipeline(from_dict({"engine": values}))


def test_the_state_goes_from_frame_to_frame(counting: DepthPipeline) -> None:
    assert [depth_of(counting, frame(0.1 * i)) for i in range(5)] == [1, 2, 3, 4, 5]


def test_a_service_reset_a_gap_and_a_jump_back_begin_anew(counting: DepthPipeline) -> None:
    assert [depth_of(counting, frame(0.1 * i)) for i in range(3)] == [1, 2, 3]
    counting.reset("asked")
    assert depth_of(counting, frame(0.3)) == 1
    assert depth_of(counting, frame(1.2)) == 2  # 0.9 s are within odometry.max_gap_s
    assert depth_of(counting, frame(2.3)) == 1
    assert depth_of(counting, frame(2.2)) == 1
    assert depth_of(counting, frame(2.3)) == 2


def test_another_image_size_or_camera_begins_anew(counting: DepthPipeline) -> None:
    assert [depth_of(counting, frame(0.1 * i)) for i in range(2)] == [1, 2]
    large = Camera(128, 96, 100.0, 100.0, 63.5, 47.5)
    assert depth_of(counting, frame(0.2, large)) == 1
    assert depth_of(counting, frame(0.3, large)) == 2
    assert depth_of(counting, frame(0.4, replace(large, fx=90.0))) == 1


def test_a_swapped_network_begins_anew_and_the_old_one_is_returned(
    counting: DepthPipeline, tmp_path: Path
) -> None:
    assert [depth_of(counting, frame(0.1 * i)) for i in range(3)] == [1, 2, 3]
    old = counting.engine
    other = Network(open_engine(write_counting_engine(tmp_path / "other"), precision="fp32"))
    other.infer(other.preprocess(frame(0).image))  # a check before the swap leaves no trace
    assert counting.swap(other).engine is old
    assert depth_of(counting, frame(0.3)) == 1
    stateless = Network(open_engine(write_tiny_engine(tmp_path / "tiny"), precision="fp32"))
    counting.swap(stateless).close()
    assert depth_of(counting, frame(0.4)) == 1.0


@pytest.mark.parametrize(
    "states",
    [(), (("count", "depth"),), (("image", "count_next"),), (("count", "nothing"),)],
)
def test_states_that_pair_nothing_are_refused(
    tmp_path: Path, states: tuple[tuple[str, str], ...]
) -> None:
    with pytest.raises(EngineError, match="spec states"):
        write_counting_engine(tmp_path / "counting", states=states)
