# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""EuRoC's stereo calibration (two sensor.yaml), and the rectification that follows from it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from depth_ros.errors import DepthError, SourceError
from depth_ros.frame import Camera, Float64
from depth_ros.sources.calibration import read_calibration


def rectifying_cameras(left: Path, right: Path) -> tuple[Camera, Camera, float]:
    """The raw cameras with the rotation and projection that rectify them, and the baseline (m).

    The folders hold a sensor.yaml each, with T_BS (body from camera). No pixel of the rectified
    images lies outside the raw ones. Raises SourceError.
    """
    cameras = [_camera(folder / "sensor.yaml") for folder in (left, right)]
    body = [_body_from_camera(folder / "sensor.yaml") for folder in (left, right)]
    right_from_left = np.linalg.inv(body[1]) @ body[0]
    lenses = [(c.matrix, np.array(c.distortion, np.float64)) for c in cameras]
    size = (cameras[0].width, cameras[0].height)
    rotation, translation = right_from_left[:3, :3].copy(), right_from_left[:3, 3:].copy()
    r0, r1, p0, p1, *_ = cv2.stereoRectify(
        lenses[0][0],
        lenses[0][1],
        lenses[1][0],
        lenses[1][1],
        size,
        rotation,
        translation,
        alpha=0,
    )
    baseline = -float(p1[0, 3] / p1[0, 0])
    if not baseline > 0:
        raise SourceError(f"{right} is not to the right of {left}", fix="Swap the folders.")
    rectifying = [_with(c, r, p) for c, r, p in zip(cameras, (r0, r1), (p0, p1), strict=True)]
    return rectifying[0], rectifying[1], baseline


def _with(camera: Camera, rotation: Float64, projection: Float64) -> Camera:
    p = projection
    lens = (float(p[0, 0]), float(p[1, 1]), float(p[0, 2]), float(p[1, 2]))
    return replace(camera, rotation=tuple(map(float, rotation.ravel())), projection=lens)


def _camera(file: Path) -> Camera:
    text = _text(file)
    model = re.search(r"^distortion_model:\s*(\S+)", text, re.MULTILINE)
    if model is not None and model[1] != "radial-tangential":
        raise SourceError(f"lens of {file}", expected="radial-tangential", got=model[1])
    calibration = read_calibration([file.parent])
    if calibration.size is None:
        raise SourceError(f"resolution in {file}", got="none")
    try:
        camera = calibration.camera_for(*calibration.size)
    except DepthError as error:
        raise SourceError(f"cannot use {file}: {error}") from error
    if camera is None:
        raise SourceError(f"intrinsics in {file}", got="none")
    return camera


def _body_from_camera(file: Path) -> Float64:
    found = re.search(r"^T_BS:.*?data:\s*\[([^\]]*)\]", _text(file), re.MULTILINE | re.DOTALL)
    try:
        pose = np.array([float(x) for x in (found[1] if found else "").split(",")], np.float64)
        if pose.size != 16 or abs(np.linalg.det(pose.reshape(4, 4)) - 1) > 1e-3:
            raise ValueError(f"{pose.size} numbers")
    except ValueError as error:
        raise SourceError(f"T_BS in {file}", expected="a rigid 4x4", got=error) from error
    return pose.reshape(4, 4)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"cannot read {file}: {error}") from error
