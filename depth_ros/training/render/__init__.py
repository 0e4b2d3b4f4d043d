# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Procedural scenes with exact depth and poses; NumPy and OpenCV only."""

from depth_ros.training.render.camera import random_camera, render
from depth_ros.training.render.draw import random_scene
from depth_ros.training.render.motion import trajectory
from depth_ros.training.render.optics import photograph
from depth_ros.training.render.scene import Kind, Rendered, Scene
from depth_ros.training.render.sequence import write_sequence
from depth_ros.training.render.version import RENDERER_VERSION
from depth_ros.training.render.views import random_view

__all__ = [
    "RENDERER_VERSION",
    "Kind",
    "Rendered",
    "Scene",
    "photograph",
    "random_camera",
    "random_scene",
    "random_view",
    "render",
    "trajectory",
    "write_sequence",
]
