# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Completion, relative depth, stereo and iBims-1: small cases by hand, planes that are known."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from depth_ros.errors import FrameError, SourceError
from depth_ros.training.evaluation import ibims, relative
from depth_ros.training.evaluation.completion import ause, completion_metrics, sparsification
from depth_ros.training.evaluation.edges import canny
from depth_ros.training.evaluation.stereo import (
    disparity_metrics,
    kitti_depth,
    resize_disparity,
)


def test_completion_by_hand() -> None:
    """2 m for 1 m and 4 m for 5 m: errors 1000 and 1000 mm, -500 and 50 / km."""
    got = completion_metrics(np.array([[2.0, 4, 9]]), np.array([[1.0, 5, np.nan]]))
    assert (got["mae_mm"], got["rmse_mm"]) == (1000, 1000)
    assert got["imae"] == pytest.approx((500 + 50) / 2)
    assert got["irmse"] == pytest.approx(math.sqrt((500**2 + 50**2) / 2))
    with pytest.raises(FrameError, match="dense"):
        completion_metrics(np.array([[np.nan]]), np.array([[1.0]]))


def test_sparsification_by_hand() -> None:
    """Errors 1, 2, 3, 4: removing 4, then 3, then 2, or in the order of another list."""
    error = np.array([1.0, 2, 3, 4])
    best = [math.sqrt(30 / 4), math.sqrt(14 / 3), math.sqrt(5 / 2), 1]
    assert sparsification(error, error, 4) == pytest.approx(best)
    other = sparsification(error, np.array([9.0, 1, 5, 2]), 4)  # 1, then 3, then 4
    assert other == pytest.approx([math.sqrt(30 / 4), math.sqrt(29 / 3), math.sqrt(10), 2])


def test_ause_is_zero_for_the_best_order_and_the_area_for_another() -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(1, 9, (25, 40))
    error = rng.normal(0, 0.3, truth.shape)
    assert ause(truth + error, truth, error**2)["ause_mm"] == pytest.approx(0, abs=1e-9)
    doubt = rng.uniform(0, 1, truth.shape)
    millimetres = 1000 * np.abs(error).ravel()
    by_doubt = millimetres[np.argsort(-doubt.ravel())]
    by_error = np.sort(millimetres)[::-1]
    gaps = [
        math.sqrt(np.mean(by_doubt[10 * k :] ** 2)) - math.sqrt(np.mean(by_error[10 * k :] ** 2))
        for k in range(100)
    ]
    area = sum((gaps[k] + gaps[k + 1]) / 2 for k in range(99)) / 100
    got = ause(truth + error, truth, doubt)
    assert got["ause_mm"] == pytest.approx(area)
    assert got["ause"] == pytest.approx(area / math.sqrt(np.mean(millimetres**2)))
    assert ause(truth + error, truth, -(error**2))["ause"] > got["ause"]  # the worst order
    with pytest.raises(FrameError, match="uncertainty"):
        ause(truth, truth, doubt[:5])


def test_whdr_by_hand() -> None:
    depth = np.array([[1.0, 2.0, 2.0]])
    pairs = np.array([[0, 0, 0, 1], [0, 1, 0, 0], [0, 1, 0, 2], [0, 2, 0, 0]])
    assert relative.order_of(depth, pairs).tolist() == [1, -1, 0, -1]
    truth = np.array([1, 1, 0, -1])
    assert relative.whdr(depth, pairs, truth) == 0.25
    assert relative.whdr(7 * depth, pairs, truth) == 0.25  # of order alone
    weights = np.array([1.0, 5, 1, 1])
    assert relative.whdr(depth, pairs, truth, weights=weights) == pytest.approx(5 / 8)
    assert relative.order_of(depth, pairs, tolerance=1.5).tolist() == [0, 0, 0, 0]
    with pytest.raises(FrameError, match="outside"):
        relative.order_of(depth, np.array([[0, 0, 1, 0]]))


def test_ord_and_d3r() -> None:
    """A step from 1 m to 2 m, predicted as none and as its mirror image."""
    truth = np.ones((64, 64))
    truth[:, 32:] = 2.0
    flat, mirrored = np.ones((64, 64)), 3 - truth
    everywhere = np.ones((64, 64), bool)
    cells = relative.grid_pairs(everywhere)
    assert len(cells) == 2 * 4 * 3
    assert {tuple(p) for p in cells.tolist()} >= {(8, 24, 8, 40), (8, 8, 24, 8)}
    assert relative.d3r(truth, truth, cells) == 0
    assert relative.d3r(flat, truth, cells) == 1
    assert relative.d3r(mirrored, truth, cells) == 1
    pairs = relative.random_pairs(everywhere, 4000, seed=1)
    assert np.array_equal(pairs, relative.random_pairs(everywhere, 4000, seed=1))
    assert (pairs[:, :2] != pairs[:, 2:]).any(axis=1).all()
    across = (pairs[:, 1] < 32) != (pairs[:, 3] < 32)
    assert relative.ordinal_error(flat, truth, pairs) == pytest.approx(across.mean())
    assert 0.45 < across.mean() < 0.55
    with pytest.raises(FrameError, match="across an edge"):
        relative.d3r(flat, flat, cells)


def test_pairs_in_files(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("0,1,2,3,1\n4,5,6,7,-1\n", encoding="utf-8")
    np.save(tmp_path / "a.npy", np.array([[0, 1, 2, 3, 1], [4, 5, 6, 7, -1]]))
    for name in ("a.csv", "a.npy"):
        pairs, order = relative.read_relations(tmp_path / name)
        assert pairs.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
        assert order.tolist() == [1, -1]
    (tmp_path / "b.txt").write_text("0 1 2 3 <\n", encoding="utf-8")
    with pytest.raises(SourceError, match=r"b\.txt"):
        relative.read_relations(tmp_path / "b.txt")


def test_disparity_by_hand() -> None:
    """Errors 0.5, 1.5, 3 of 50 (6 %), 3 of 100 (3 %), 5 of 90 (5.6 %), and one that is missing."""
    truth = np.array([[10.0, 10, 50, 100, 90, 20, 0]])
    ours = np.array([[10.5, 11.5, 53, 103, 95, np.nan, 7]])
    got = disparity_metrics(ours, truth)
    assert got["epe"] == pytest.approx((0.5 + 1.5 + 3 + 3 + 5) / 5)
    assert got["bad1"] == pytest.approx(100 * 5 / 6)
    assert got["bad2"] == pytest.approx(100 * 4 / 6)
    assert got["bad4"] == pytest.approx(100 * 2 / 6)
    assert got["d1"] == pytest.approx(100 * 3 / 6)
    assert got["coverage"] == pytest.approx(5 / 6)


def test_disparity_grows_with_the_image_and_becomes_depth() -> None:
    big = resize_disparity(np.full((128, 416), 10.0), (375, 1242))
    assert big == pytest.approx(10 * 1242 / 416)
    metres = kitti_depth(np.full((2, 1242), 38.96295))
    assert metres == pytest.approx(721.5377 * 0.54 / 38.96295)
    with pytest.raises(FrameError, match="width of a KITTI image"):
        kitti_depth(np.ones((2, 640)))


def test_directed_errors_by_hand() -> None:
    """Near 3 m: right, right, too near, too far; the unknown one does not count."""
    truth = np.array([[2.0, 3.0, 4.0, 2.0, np.nan]])
    got = ibims.directed_errors(np.array([[1.0, 3.0, 2.9, 3.1, 1.0]]), truth)
    assert got == {"dde_0": 50, "dde_minus": 25, "dde_plus": 25}


def test_edge_distances_by_hand() -> None:
    """An edge 3 columns off, and a pixel 40 columns away that matches nothing."""
    true_edges, ours = np.zeros((2, 20, 80), bool)
    true_edges[:, 20] = True
    ours[:, 23] = True
    got = ibims.edge_distances(ours, true_edges)
    assert got == pytest.approx({"dbe_acc": 3, "dbe_com": 3})
    ours[0, 60] = True
    got = ibims.edge_distances(ours, true_edges)
    assert got["dbe_acc"] == pytest.approx(3)  # it is beyond 10 pixels
    assert got["dbe_com"] == pytest.approx((20 * 3 + 10 + 20 * 3) / 41)
    assert ibims.edge_distances(ours & False, true_edges) == {"dbe_acc": 10, "dbe_com": 10}


def test_canny_finds_a_step_where_it_is_and_no_weak_one() -> None:
    values = np.zeros((30, 40))
    values[:, 20:] = 1.0
    edges = canny(values, math.sqrt(2), 0.15, 0.3)
    found = np.argwhere(edges)
    assert set(found[:, 1]) <= {19, 20}  # the step is between both, which are equally steep
    assert set(found[:, 0]) == set(range(1, 29))
    # A gaussian of sigma 1.414 leaves a slope of 1 / (sigma sqrt(2 pi)) = 0.28 a pixel; Sobel
    # sums 4 rows' worth over two pixels: 8 * 0.27 = 2.2.
    assert canny(values, math.sqrt(2), 1.8, 1.9).any()
    assert not canny(values, math.sqrt(2), 2.3, 2.3).any()
    assert not canny(0.1 * values, math.sqrt(2), 0.15, 0.3).any()  # weak, not touching a strong
    values[:, 20:] = np.linspace(0.2, 0.08, 30)[:, None]  # weak below, but strong further up
    joined = canny(values, math.sqrt(2), 0.15, 0.3)
    assert joined[1:29, 19:21].any(axis=1).all()


def test_depth_edges_are_found_in_scaled_depth() -> None:
    depth = np.full((40, 60), 2.0)
    depth[:, 30:] = 5.0
    true_edges = np.zeros((40, 60), bool)
    true_edges[:, 30] = True
    got = ibims.edge_errors(depth, true_edges)
    assert got["dbe_acc"] <= 1
    shifted = ibims.edge_errors(np.roll(depth, 4, axis=1)[:, 4:], true_edges[:, 4:])
    assert 3 <= shifted["dbe_acc"] <= 4
    assert ibims.edge_errors(np.full((40, 60), 3.0), true_edges)["dbe_acc"] == 10  # no edge


def _wall(degrees: float, ripple_m: float = 0.0) -> ibims.Annotated:
    """A plane through (0, 3, 0) in x right, y ahead, z up, turned about z from facing us."""
    calib = np.array([[300.0, 0, 80], [0, 300, 60], [0, 0, 1]])
    a = math.radians(degrees)
    normal = np.array([math.sin(a), math.cos(a), 0])
    columns, rows = np.meshgrid(np.arange(160) + 1, np.arange(120) + 1)
    rays = np.stack([(columns - 80) / 300, np.ones((120, 160)), -(rows - 60) / 300], axis=-1)
    depth = 3 * normal[1] / (rays @ normal)
    depth = depth + ripple_m * (-1.0) ** (columns + rows)
    paras = np.array([[1, 0, 0, 0, 0, 1.0, 0, -3]])
    labels = np.ones((120, 160), np.uint8)
    return ibims.Annotated(depth, np.zeros((120, 160), bool), calib, {"wall": (labels, paras)})


def test_planes_that_are_known() -> None:
    """Truth faces us; predictions are turned by 10 degrees, doubled, or rippled by 1 cm."""
    truth = _wall(0)
    right = ibims.plane_errors(2 * truth.depth, truth)  # the scale is fitted
    assert right["pe_flat"] == pytest.approx(0, abs=1e-9)
    assert right["pe_ori"] == pytest.approx(0, abs=1e-6)
    turned = ibims.plane_errors(_wall(10).depth, truth)
    assert turned["pe_ori"] == pytest.approx(10, abs=1e-6)
    assert turned["pe_flat"] == pytest.approx(0, abs=1e-9)
    rippled = ibims.plane_errors(_wall(0, 0.01).depth, truth)
    assert rippled["pe_flat"] == pytest.approx(1.0, rel=0.02)
    label = np.zeros((120, 160), np.uint8)
    label[:20, :40] = 1  # 4.2 % of the image
    small = ibims.Annotated(
        truth.depth, truth.edges, truth.calib, {"wall": (label, truth.planes["wall"][1])}
    )
    assert math.isnan(ibims.plane_errors(truth.depth, small)["pe_flat"])


def test_log10_of_the_benchmark() -> None:
    got = ibims.log10_error(np.array([[10.0, 0.0]]), np.array([[1.0, 1.0]]))
    first = math.log10(10.0001) - math.log10(1.0001)
    assert got == pytest.approx((first + math.log10(1.0001) + 4) / 2)


def test_files_of_the_benchmark(tmp_path: Path) -> None:
    savemat = pytest.importorskip("scipy.io").savemat
    truth = _wall(0)
    invalid = np.ones((120, 160), np.uint8)
    invalid[0, 0] = 0
    data = {
        "depth": truth.depth,
        "edges": np.eye(120, 160, dtype=np.uint8),
        "calib": truth.calib.T,
        "mask_invalid": invalid,
        "mask_wall": truth.planes["wall"][0],
        "mask_wall_paras": truth.planes["wall"][1],
        "mask_floor": np.zeros((120, 160), np.uint8),
        "mask_floor_paras": np.zeros((0, 8)),
    }
    savemat(tmp_path / "a.mat", {"data": data})
    np.savez(tmp_path / "a.npz", **data)
    for name in ("a.mat", "a.npz"):
        read = ibims.read_annotated(tmp_path / name)
        assert np.isnan(read.depth[0, 0])
        assert read.depth[5, 5] == truth.depth[5, 5]
        assert read.edges.sum() == 120
        assert list(read.planes) == ["wall"]
        assert ibims.plane_errors(_wall(10).depth, read)["pe_ori"] == pytest.approx(10, abs=1e-5)
    np.savez(tmp_path / "b.npz", depth=truth.depth)
    with pytest.raises(SourceError, match="no edges"):
        ibims.read_annotated(tmp_path / "b.npz")
