# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Which surface every pixel's ray meets first, and exactly where.

1/z of a plane is linear in pixel coordinates, and so are the hit's own coordinates over z. A face
is therefore three linear forms inside the rectangle of pixels that it can touch, with no
rasterisation rule: a pixel shows a face if and only if the ray through its centre meets it.
Round solids are a quadratic equation per pixel of their rectangle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from depth_ros.frame import Camera, Float32, Float64
from depth_ros.training.render.scene import DISC, TRIANGLE, Faces, Scene, Solids

NEAR_M = 0.02
Int32 = npt.NDArray[np.int32]
_EDGES = (np.array([0, 1, 2, 3]), np.array([1, 2, 3, 0]))
_BOX_EDGES = (
    np.array([0, 1, 3, 2, 4, 5, 7, 6, 0, 1, 2, 3]),
    np.array([1, 3, 2, 0, 5, 7, 6, 4, 4, 5, 6, 7]),
)


@dataclass(frozen=True, slots=True)
class Eye:
    """A camera at a place: its rays (x, y, 1) in optical axes, and where it stands."""

    x: Float64  # (W,)
    y: Float64  # (H,)
    turn: Float64  # (3, 3) world_from_camera
    place: Float64  # (3,)
    focal: float

    @staticmethod
    def of(camera: Camera, world_from_camera: Float64) -> Eye:
        """The eye of a rectified camera."""
        x = (np.arange(camera.width) - camera.cx) / camera.fx
        y = (np.arange(camera.height) - camera.cy) / camera.fy
        pose = np.asarray(world_from_camera, np.float64)
        return Eye(
            x.astype(np.float64), y.astype(np.float64), pose[:3, :3], pose[:3, 3], camera.focal
        )


@dataclass(frozen=True, slots=True)
class Hits:
    """``index`` (H, W): face number, or number of faces + solid, or -1; ``inverse`` is 1/z."""

    index: Int32
    inverse: Float32


def windows(
    corners: Float64, edges: tuple[npt.NDArray[np.int64], ...], eye: Eye
) -> npt.NDArray[np.int64]:
    """(N, 4) x0, x1, y0, y1 of the pixels that convex shapes of (N, C, 3) corners can touch."""
    start, end = corners[:, edges[0]], corners[:, edges[1]]
    step = end[..., 2] - start[..., 2]
    share = (NEAR_M - start[..., 2]) / np.where(np.abs(step) < 1e-12, 1e-12, step)
    crossing = start + (end - start) * share[..., None]
    points = np.concatenate([corners, crossing], 1)
    seen = np.concatenate([corners[..., 2] > NEAR_M, (share > 0) & (share < 1)], 1)
    z = np.where(seen, points[..., 2], 1.0)
    out = np.zeros((len(corners), 4), np.int64)
    for axis, rays in ((0, eye.x), (1, eye.y)):
        step_ray = rays[1] - rays[0] if len(rays) > 1 else 1.0
        pixel = (points[..., axis] / z - rays[0]) / step_ray
        low = np.where(seen, pixel, np.inf).min(1)
        high = np.where(seen, pixel, -np.inf).max(1)
        out[:, 2 * axis] = np.ceil(np.clip(low - 1e-6, 0, len(rays)))
        out[:, 2 * axis + 1] = np.floor(np.clip(high + 1e-6, -1, len(rays) - 1)) + 1
    return out


def cast(scene: Scene, eye: Eye) -> Hits:
    """First hits of all rays."""
    shape = (len(eye.y), len(eye.x))
    inverse, index = np.zeros(shape, np.float32), np.full(shape, -1, np.int32)
    _cast_faces(scene.faces, eye, inverse, index)
    _cast_solids(scene.solids, len(scene.faces.centre), eye, inverse, index)
    return Hits(index, inverse)


def face_forms(faces: Faces, eye: Eye) -> tuple[Float64, Float64, Float64]:
    """(F, 3) forms of 1/z, a/z and b/z over rays (x, y, 1), a and b being -1 to 1 on the face."""
    centre = (faces.centre - eye.place) @ eye.turn
    u, v = faces.u @ eye.turn, faces.v @ eye.turn
    normal = np.cross(u, v)
    offset = (normal * centre).sum(1, keepdims=True)
    inverse = normal / np.where(np.abs(offset) < 1e-9, 1e-9, offset)
    a = (u - (u * centre).sum(1, keepdims=True) * inverse) / faces.half[:, :1]
    b = (v - (v * centre).sum(1, keepdims=True) * inverse) / faces.half[:, 1:]
    return inverse, a, b


def _cast_faces(faces: Faces, eye: Eye, inverse: Float32, index: Int32) -> None:
    normal = np.cross(faces.u, faces.v)
    towards = ((eye.place - faces.centre) * normal).sum(1)
    u, v = faces.u * faces.half[:, :1], faces.v * faces.half[:, 1:]
    corners = np.stack([-u - v, u - v, u + v, v - u], 1) + faces.centre[:, None] - eye.place
    box = windows(corners @ eye.turn, _EDGES, eye)
    front = (towards > 1e-6) | (faces.two_sided & (np.abs(towards) > 1e-6))
    seen = np.flatnonzero(front & (box[:, 0] < box[:, 1]) & (box[:, 2] < box[:, 3]))
    forms = [form[seen].astype(np.float32) for form in face_forms(faces, eye)]
    x, y = eye.x.astype(np.float32), eye.y.astype(np.float32)
    wx, ax, bx = (form[:, :1] * x for form in forms)
    wy, ay, by = ((form[:, 1:2] * y + form[:, 2:])[..., None] for form in forms)
    shapes = faces.shape[seen].tolist()
    for k, (number, (x0, x1, y0, y1)) in enumerate(
        zip(seen.tolist(), box[seen].tolist(), strict=True)
    ):
        w = wx[k, x0:x1] + wy[k, y0:y1]
        a = ax[k, x0:x1] + ay[k, y0:y1]
        b = bx[k, x0:x1] + by[k, y0:y1]
        if shapes[k] == DISC:
            a *= a
            b *= b
            a += b
            hit = (a <= w * w) & (w > 0)
        elif shapes[k] == TRIANGLE:
            hit = np.abs(a) <= (w - b) * 0.5
            hit &= b >= -w
        else:
            np.abs(a, out=a)
            np.abs(b, out=b)
            np.maximum(a, b, out=a)
            hit = a <= w
        best = inverse[y0:y1, x0:x1]
        hit &= w > best
        np.copyto(best, w, where=hit)
        np.copyto(index[y0:y1, x0:x1], number, where=hit)


def _cast_solids(solids: Solids, first: int, eye: Eye, inverse: Float32, index: Int32) -> None:
    if not len(solids.centre):
        return
    signs = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)], np.float64)
    corners = solids.centre[:, None] + signs @ np.swapaxes(solids.axes, 1, 2) - eye.place
    box = windows(corners @ eye.turn, _BOX_EDGES, eye)
    seen = np.flatnonzero((box[:, 0] < box[:, 1]) & (box[:, 2] < box[:, 3]))
    if not len(seen):
        return
    local = np.linalg.inv(solids.axes[seen])
    rays = local @ eye.turn
    start = (local @ (eye.place - solids.centre[seen])[..., None])[..., 0]
    dx = rays[:, :, :1] * eye.x
    dy = rays[:, :, 1:2] * eye.y + rays[:, :, 2:]
    for k, (number, (x0, x1, y0, y1)) in enumerate(
        zip(seen.tolist(), box[seen].tolist(), strict=True)
    ):
        direction = dx[k, :, None, x0:x1] + dy[k, :, y0:y1, None]
        w = _meet(direction, start[k], solids.form[number])
        best = inverse[y0:y1, x0:x1]
        hit = w > best
        np.copyto(best, w, where=hit, casting="same_kind")
        np.copyto(index[y0:y1, x0:x1], first + number, where=hit)


def _meet(direction: Float64, start: Float64, form: Float64) -> Float64:
    """1/z of the nearest hit of rays start + z direction, (3, h, w); 0 where there is none."""
    e, f, g = form.tolist()
    x, y, z = direction
    a = x * x + y * y + e * z * z
    b = x * start[0] + y * start[1] + z * (e * start[2] - f)
    c = start[0] ** 2 + start[1] ** 2 + e * start[2] ** 2 - 2 * f * start[2] - g
    square = b * b - a * c
    root = np.sqrt(np.maximum(square, 0))
    # 1/z = (-b -+ root) / c solves a z^2 + 2 b z + c = 0 with no division by a.
    scale = 1.0 / (c if abs(c) > 1e-12 else 1e-12)
    inner, outer = (-b + root) * scale, (-b - root) * scale
    if e > 0:
        w = np.maximum(inner, outer)
        return np.asarray(np.where((square >= 0) & (w < 1 / NEAR_M), w, 0.0), np.float64)
    best: Float64 = np.zeros_like(b)
    for w in (inner, outer):
        with np.errstate(divide="ignore", invalid="ignore"):
            height = np.abs(start[2] + z / w)
        good = (square >= 0) & (w > best) & (w < 1 / NEAR_M) & (height <= 1)
        np.copyto(best, w, where=good)
    return best
