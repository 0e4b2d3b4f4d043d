# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""iBims-1 (Koch 2018): are planes flat, are edges where they belong, is near near?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from depth_ros.errors import FrameError, SourceError
from depth_ros.frame import Float64
from depth_ros.metrics import Array, Mask, known
from depth_ros.training.evaluation.edges import canny

KINDS = ("floor", "table", "wall")
LEAST_SHARE = 0.05  # of the image that a plane must cover
NEAR_M = 3.0
EDGE_LIMIT = 10.0  # pixels beyond which an edge is no match


@dataclass(frozen=True)
class Annotated:
    """One image's truth: ``depth`` (H, W) metres, NaN unknown; ``edges`` (H, W) bool; ``calib`` K,
    3x3; ``planes``: of each kind the labelled image (label j + 1 is row j) and its rows of
    parameters, the unit normal in columns 4 to 6 (x right, y into the image, z up)."""

    depth: Float64
    edges: Mask
    calib: Float64
    planes: Mapping[str, tuple[Any, Float64]] = field(default_factory=dict)


def read_annotated(path: Path) -> Annotated:
    """A file of iBims-1 (.mat, one struct ``data``), or an .npz of the same names.

    Pixels of mask_invalid and mask_transp, 0 where they are bad, become unknown. SourceError
    where something is missing.
    """
    data = _read(path)
    missing = [k for k in ("depth", "edges", "calib") if k not in data]
    if missing:
        raise SourceError(f"{path}", expected="depth, edges and calib", got=f"no {missing[0]}")
    depth = np.array(data["depth"], np.float64)
    for name in ("mask_invalid", "mask_transp"):
        if name in data:
            depth[np.asarray(data[name]) == 0] = np.nan
    depth[~known(depth)] = np.nan
    planes = {}
    for kind in KINDS:
        label, rows = data.get(f"mask_{kind}"), data.get(f"mask_{kind}_paras")
        if label is not None and rows is not None and np.size(rows):
            planes[kind] = (np.asarray(label), np.atleast_2d(np.asarray(rows, np.float64)))
    calib = np.asarray(data["calib"], np.float64).T  # the files hold K transposed
    return Annotated(depth, np.asarray(data["edges"]) > 0, calib, planes)


def directed_errors(prediction: Array, truth: Array, near_m: float = NEAR_M) -> dict[str, float]:
    """DDE, percent of known pixels, by the plane ``near_m`` before the camera.

    With P = (d <= near), G = (g <= near): ``dde_0`` P = G; ``dde_minus`` P but not G, predicted
    too near; ``dde_plus`` G but not P, too far.
    """
    mask = known(truth) & np.isfinite(prediction)
    if not mask.any():
        raise FrameError("depth to compare", expected="known truth", got="none predicted")
    side = (prediction[mask] <= near_m).astype(int) - (truth[mask] <= near_m).astype(int)
    return {
        "dde_0": 100 * float(np.mean(side == 0)),
        "dde_minus": 100 * float(np.mean(side == 1)),
        "dde_plus": 100 * float(np.mean(side == -1)),
    }


def edge_errors(prediction: Array, true_edges: Mask) -> dict[str, float]:
    """DBE in pixels: edges of the prediction, scaled to 0..1, against the annotated ones.

    Canny with sigma sqrt(2) and thresholds 0.15 and 0.3. With E the edges and D the distance to
    the nearest: ``dbe_acc`` = sum of D_gt over predicted edges nearer than 10 pixels, by their
    number; ``dbe_com`` = (sum min(D_gt E, 10) + sum min(D E_gt, 10)) / (sum E + sum E_gt). Both
    are 10 where there are no edges.
    """
    values = np.asarray(prediction, np.float64)
    low, high = np.nanmin(values), np.nanmax(values)
    if not np.isfinite(high - low):
        raise FrameError("prediction", expected="finite depth", got="infinity")
    scaled = np.nan_to_num((values - low) / max(float(high - low), 1e-12))
    edges = canny(scaled, np.sqrt(2), 0.15, 0.3)
    return edge_distances(edges, true_edges)


def edge_distances(edges: Mask, true_edges: Mask) -> dict[str, float]:
    """dbe_acc and dbe_com of two images of edges; see edge_errors."""
    if edges.shape != true_edges.shape:
        raise FrameError("edges to compare", expected=true_edges.shape, got=edges.shape)
    if not edges.any() or not true_edges.any():
        return {"dbe_acc": EDGE_LIMIT, "dbe_com": EDGE_LIMIT}
    to_true, to_ours = _distance(true_edges), _distance(edges)
    near = edges & (to_true < EDGE_LIMIT)
    accuracy = float(to_true[near].mean()) if near.any() else EDGE_LIMIT
    apart = np.minimum(to_true[edges], EDGE_LIMIT).sum()
    missed = np.minimum(to_ours[true_edges], EDGE_LIMIT).sum()
    return {
        "dbe_acc": accuracy,
        "dbe_com": float((apart + missed) / (edges.sum() + true_edges.sum())),
    }


def plane_errors(prediction: Array, truth: Annotated) -> dict[str, float]:
    """PE: ``pe_flat`` (cm) and ``pe_ori`` (degrees), means over the annotated planes.

    Of planes that cover at least 5 % of the image. The prediction is scaled by the ratio of
    medians on the plane, back-projected, and a plane is fitted (smallest principal component n):
    flat = 100 std(n p), ori = atan2(|n_gt x n|, n_gt n) with n turned to n_gt's side. NaN where
    there is no such plane.
    """
    flat, turned = [], []
    for label, rows in truth.planes.values():
        for j, row in enumerate(rows):
            plane = label == j + 1
            if plane.sum() < LEAST_SHARE * plane.size:
                continue
            with np.errstate(invalid="ignore"):
                plane = plane & known(truth.depth) & (prediction > 0) & np.isfinite(prediction)
            if plane.sum() < 3:
                continue
            one, other = _plane(prediction, truth, plane, row[4:7])
            flat.append(one)
            turned.append(other)
    if not flat:
        return {"pe_flat": float("nan"), "pe_ori": float("nan")}
    return {"pe_flat": float(np.mean(flat)), "pe_ori": float(np.mean(turned))}


def log10_error(prediction: Array, truth: Array) -> float:
    """mean |log10(d + 1e-4) - log10(g + 1e-4)|: this benchmark's log10."""
    with np.errstate(invalid="ignore"):
        mask = known(truth) & np.isfinite(prediction) & (prediction >= 0)
    d, g = prediction[mask].astype(np.float64), truth[mask].astype(np.float64)
    return float(np.mean(np.abs(np.log10(d + 1e-4) - np.log10(g + 1e-4))))


def _plane(
    prediction: Array, truth: Annotated, plane: Mask, normal: Float64
) -> tuple[float, float]:
    depth = prediction[plane].astype(np.float64)
    depth = depth * (np.median(truth.depth[plane]) / np.median(depth))
    rows, columns = np.nonzero(plane)
    k = truth.calib
    x = (columns + 1 - k[0, 2]) * depth / k[0, 0]
    z = -(rows + 1 - k[1, 2]) * depth / k[1, 1]
    points = np.stack([x, depth, z], axis=1)
    centred = points - points.mean(axis=0)
    fitted = np.linalg.eigh(centred.T @ centred)[1][:, 0]
    if fitted @ normal < 0:
        fitted = -fitted
    sine = float(np.linalg.norm(np.cross(normal, fitted)))
    angle = float(np.degrees(np.arctan2(sine, normal @ fitted)))
    return 100 * float(np.std(centred @ fitted)), angle


def _distance(edges: Mask) -> Float64:
    """Exact euclidean distance of each pixel to the nearest edge."""
    away = cv2.distanceTransform((~edges).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(away, np.float64)


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        from scipy.io import loadmat

        data = loadmat(path, simplify_cells=True)["data"]
        return dict(data)
    except ImportError as error:
        raise SourceError(f"cannot read {path}: {error}", fix="pip install scipy") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError(f"cannot read {path} as iBims-1: {error}") from error
