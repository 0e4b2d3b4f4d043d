# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Depth protocols: crops by index, the order of operations, pooling, by hand or in float64."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from depth_ros.errors import ConfigError, FrameError
from depth_ros.metrics import depth_metrics
from depth_ros.training.evaluation.crops import crop_window
from depth_ros.training.evaluation.depth import (
    invert,
    judge,
    measure,
    place,
    resize,
    summarise,
)
from depth_ros.training.evaluation.protocols import PROTOCOLS, Protocol, find_protocol


@pytest.mark.parametrize(
    ("name", "shape", "rows", "columns"),
    [
        ("garg", (375, 1242), (153, 371), (44, 1197)),  # 153.04, 371.96, 44.65, 1197.4
        ("garg", (370, 1226), (151, 366), (44, 1181)),  # 366.9999993
        ("eigen", (375, 1242), (124, 342), (44, 1197)),  # 124.66, 342.57
        ("kb", (375, 1242), (23, 375), (13, 1229)),
        ("kb", (370, 1224), (18, 370), (4, 1220)),
        ("nyu_eigen", (480, 640), (45, 471), (41, 601)),
        ("stclstm", (480, 640), (44, 471), (40, 601)),
        ("make3d", (2272, 1704), (710, 1562), (0, 1704)),  # twice as wide as high
        ("make3d", (55, 305), (17, 38), (0, 305)),
        ("none", (7, 9), (0, 7), (0, 9)),
    ],
)
def test_crops_by_index(
    name: str, shape: tuple[int, int], rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    window = crop_window(name, shape)
    assert [(s.start, s.stop) for s in window] == [rows, columns]


def test_a_crop_of_vga_images_refuses_others() -> None:
    with pytest.raises(FrameError, match="640x480, got 320x240"):
        crop_window("nyu_eigen", (240, 320))
    with pytest.raises(FrameError, match="1216x352"):
        crop_window("kb", (128, 416))


def test_unknown_names_say_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"Did you mean kitti_eigen\?"):
        find_protocol("kiti_eigen")
    with pytest.raises(ConfigError, match=r"Did you mean garg\?"):
        find_protocol("kitti_eigen", crop="grag")
    with pytest.raises(ConfigError, match="a factor, got -1"):
        find_protocol("kitti_eigen", scale="-1")
    assert find_protocol("kitti_eigen", scale="5.4", crop="eigen").scale == 5.4


def test_what_the_protocols_promise() -> None:
    """The limits of the papers, once more and by themselves."""
    kitti = PROTOCOLS["kitti_eigen"]
    assert (kitti.crop, kitti.low_m, kitti.high_m, kitti.scale) == ("garg", 1e-3, 80, "median")
    assert (kitti.clamp, kitti.resize, kitti.pool) == (True, "inverse", "image")
    assert PROTOCOLS["kitti_eigen_50"].high_m == 50
    assert PROTOCOLS["kitti_eigen_stereo"].scale == 5.4
    improved = PROTOCOLS["kitti_eigen_improved"]
    assert (improved.window, improved.crop, improved.scale) == ("kb", "garg", "none")
    nyu = PROTOCOLS["nyu"]
    assert (nyu.crop, nyu.low_m, nyu.high_m) == ("nyu_eigen", 1e-3, 10)
    assert (PROTOCOLS["nyu_full"].crop, PROTOCOLS["nyu_full"].resize) == ("none", "nearest")
    assert {n for n, p in PROTOCOLS.items() if p.pool == "pixels"} == {"nyu_full", "stclstm"}
    assert (PROTOCOLS["make3d_c1"].high_m, PROTOCOLS["make3d_c2"].high_m) == (70, 80)
    for protocol in PROTOCOLS.values():
        assert protocol.words()[0] == protocol.summary


def test_disparity_is_resized_before_it_is_inverted() -> None:
    """Between 1 m and 4 m lies 1 / mean(1, 1/4) = 1.6 m, not 2.5 m."""
    depth = np.array([[1.0, 4.0]])
    # Four columns over two: centres at -0.25, 0.25, 0.75, 1.25 of the old ones.
    mixed = np.array([1.0, 0.75 * 1 + 0.25 * 0.25, 0.25 * 1 + 0.75 * 0.25, 0.25])
    assert resize(depth, (1, 4), "inverse")[0] == pytest.approx(1 / mixed)
    assert resize(depth, (1, 4), "depth")[0] == pytest.approx([1, 1.75, 3.25, 4])
    assert resize(depth, (1, 4), "nearest")[0].tolist() == [1, 1, 4, 4]
    assert resize(depth, (1, 4), "corners")[0] == pytest.approx([1, 2, 3, 4])
    assert resize(depth.T, (4, 1), "corners")[:, 0] == pytest.approx([1, 2, 3, 4])


def test_inversion_keeps_zero_and_refuses_negatives() -> None:
    got = invert(np.array([2.0, 0.0, -1.0, np.nan, np.inf]))
    assert got[:2].tolist() == [0.5, np.inf]
    assert np.isnan(got[2:4]).all()
    assert got[4] == 0


def test_scaling_comes_before_clamping() -> None:
    """Truth 10, 20, 60; predicted 100, 200, 4000: the factor is 1/10, and 400 m becomes 80 m.

    Clamped first, all three would be 80 m and the factor 1/4.
    """
    protocol = Protocol("test", "", low_m=1e-3, high_m=80, clamp=True, scale="median")
    judged = judge(protocol, np.array([[100.0, 200, 4000]]), np.array([[10.0, 20, 60]]))
    assert judged.scale == pytest.approx(0.1)
    assert judged.prediction[0] == pytest.approx([10, 20, 80])
    assert measure(protocol, judged)["abs_rel"] == pytest.approx((0 + 0 + 20 / 60) / 3)


def test_only_truth_inside_the_cap_and_the_crop_decides_the_scale() -> None:
    protocol = PROTOCOLS["kitti_eigen"]
    truth = np.full((375, 1242), np.nan)
    truth[153, 44], truth[370, 1196], truth[200, 600] = 10.0, 20.0, 40.0  # judged
    truth[152, 44], truth[371, 600], truth[200, 43], truth[200, 1197] = 5.0, 5.0, 5.0, 5.0
    truth[210, 600] = 80.0  # the cap itself is excluded
    prediction = np.where(np.isfinite(truth), truth, 1.0) / 2
    prediction[152, 44] = 70.0
    judged = judge(protocol, prediction, truth)
    assert judged.mask.sum() == 3
    assert judged.scale == pytest.approx(2)
    row = measure(protocol, judged)
    assert row["abs_rel"] == pytest.approx(0, abs=1e-12)
    assert row["pixels"] == 3


def test_the_stereo_factor_and_the_shorter_cap() -> None:
    truth = np.full((375, 1242), 54.0)
    truth[:, :621] = 27.0
    prediction = np.full((375, 1242), 10.0)
    stereo = judge(PROTOCOLS["kitti_eigen_stereo"], prediction, truth)
    assert stereo.prediction[200, 600] == pytest.approx(54)
    assert stereo.mask[200, 900]
    shorter = judge(PROTOCOLS["kitti_eigen_50"], prediction, truth)
    assert not shorter.mask[200, 900]
    assert shorter.scale == pytest.approx(2.7)


def test_kitti_eigen_against_the_steps_written_out() -> None:
    """A disparity of 192x640 through cv2.resize, inversion, mask, median, clamp, in float64."""
    rng = np.random.default_rng(3)
    disparity = rng.uniform(0.005, 0.5, (192, 640))
    truth = np.where(rng.random((375, 1242)) < 0.05, rng.uniform(1, 90, (375, 1242)), 0)
    big = cv2.resize(disparity, (1242, 375))
    keep = (truth > 1e-3) & (truth < 80)
    inside = np.zeros_like(keep)
    inside[153:371, 44:1197] = True
    keep &= inside
    d, g = 1 / big[keep], truth[keep]
    d = np.clip(d * np.median(g) / np.median(d), 1e-3, 80)
    protocol = PROTOCOLS["kitti_eigen"]
    got = measure(protocol, judge(protocol, 1 / disparity, truth))
    assert got["abs_rel"] == pytest.approx(np.mean(np.abs(d - g) / g), rel=1e-9)
    assert got["sq_rel"] == pytest.approx(np.mean((d - g) ** 2 / g), rel=1e-9)
    assert got["rmse_log"] == pytest.approx(np.sqrt(np.mean(np.log(d / g) ** 2)), rel=1e-9)


def test_the_benchmark_crop_is_pasted_where_the_network_saw_it() -> None:
    protocol = PROTOCOLS["kitti_eigen_improved"]
    prediction = np.arange(352 * 1216, dtype=np.float64).reshape(352, 1216) + 1
    placed = place(protocol, prediction, (375, 1242))
    assert placed[23, 13] == 1
    assert placed[374, 1228] == 352 * 1216
    assert np.isnan(placed[22, 600])
    assert np.isnan(placed[100, 12])
    whole = np.full((375, 1242), 3.0)
    assert np.array_equal(place(protocol, whole, (375, 1242)), whole)


def test_stclstm_pixels() -> None:
    """x4 with corners on corners, then [28:455, 24:585] of it against [44:471, 40:601]."""
    prediction = np.random.default_rng(0).uniform(1, 9, (114, 152))
    placed = place(PROTOCOLS["stclstm"], prediction, (480, 640))
    down = np.arange(456) * (113 / 455)
    across = np.arange(608) * (151 / 607)
    lines = np.array([np.interp(across, np.arange(152), row) for row in prediction])
    big = np.array([np.interp(down, np.arange(114), column) for column in lines.T]).T
    assert placed[44:471, 40:601] == pytest.approx(big[28:455, 24:585])


def test_nyu_caps_and_crops() -> None:
    protocol = PROTOCOLS["nyu"]
    truth = np.full((480, 640), 2.0)
    truth[45, 41] = 11.0
    judged = judge(protocol, np.full((480, 640), 14.0), truth)
    assert judged.mask.sum() == 426 * 560 - 1
    assert measure(protocol, judged)["abs_rel"] == pytest.approx((10 - 2) / 2)  # clamped


@pytest.mark.parametrize("name", ["nyu_full", "stclstm"])
def test_pooling_equals_all_pixels_at_once(name: str) -> None:
    """Images of very different numbers of known pixels, against their concatenation."""
    rng = np.random.default_rng(5)
    protocol = PROTOCOLS[name]
    rows, all_d, all_g = [], [], []
    for share, off in ((0.01, 0.5), (0.6, 0.1)):
        truth = np.where(rng.random((480, 640)) < share, rng.uniform(1, 9, (480, 640)), np.nan)
        prediction = truth * rng.uniform(1 - off, 1 + off, truth.shape)
        prediction[::7] = np.nan  # missing
        judged = judge(protocol, prediction, truth)
        rows.append(measure(protocol, judged))
        all_d.append(judged.prediction[judged.mask])
        all_g.append(truth[judged.mask])
    whole = depth_metrics(np.concatenate(all_d)[None], np.concatenate(all_g)[None])
    got = summarise(protocol, rows)
    assert {key: got[key] for key in whole} == pytest.approx(whole)
    mean = (rows[0]["abs_rel"] + rows[1]["abs_rel"]) / 2
    assert got["abs_rel"] < 0.5 * mean
    assert summarise(PROTOCOLS["scaled"], rows)["abs_rel"] == pytest.approx(mean)


def test_fastdepth_counts_predictions_without_truth() -> None:
    """Truth 2 and none, predicted 2 and 1: errors 0 and 1 m, and half of the ratios fit."""
    protocol = PROTOCOLS["fastdepth"]
    row = measure(protocol, judge(protocol, np.array([[2.0, 1.0]]), np.array([[2.0, 0.0]])))
    assert row["rmse"] == pytest.approx(np.sqrt(0.5))
    assert row["delta1"] == 0.5
    assert row["abs_rel"] == 0  # over known truth


def test_make3d_judges_the_middle_up_to_70_m() -> None:
    truth = np.full((55, 305), 100.0)
    truth[17:38] = 30.0
    truth[20] = 75.0
    whole = judge(PROTOCOLS["make3d_c2"], np.full((55, 305), 30.0), truth)
    assert whole.mask.sum() == 21 * 305
    ours = judge(PROTOCOLS["make3d_c1_self"], np.full((21, 305), 3.0), truth)
    assert ours.mask.sum() == 20 * 305
    assert ours.scale == pytest.approx(10)
    assert np.isnan(ours.prediction[0, 0])


def test_a_turned_picture_is_refused() -> None:
    with pytest.raises(FrameError, match="640x480 pixels of truth, got 480x640"):
        judge(PROTOCOLS["scaled"], np.ones((640, 480)), np.ones((480, 640)))
    with pytest.raises(FrameError, match="height, width"):
        judge(PROTOCOLS["scaled"], np.ones((2, 8, 8)), np.ones((8, 8)))
    with pytest.raises(FrameError, match="known truth"):
        judge(PROTOCOLS["scaled"], np.ones((8, 8)), np.full((8, 8), np.nan))
