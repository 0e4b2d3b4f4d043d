# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""ROS messages to Frame and Camera, DepthResult to ROS messages: the only rooms that know them.

Readers need the messages' fields, not ROS: they also take what rosbags deserialises. Writers make
messages, so they, and ROS with them, load when the first of them is asked for.
"""

from typing import TYPE_CHECKING

from depth_ros.messages.calibration import camera_from_info
from depth_ros.messages.compressed import compressed_to_rgb
from depth_ros.messages.reading import image_to_depth, image_to_rgb, stamp_ns

if TYPE_CHECKING:
    from depth_ros.messages.motion import odometry, pose, transform
    from depth_ros.messages.writing import (
        camera_info,
        camera_to_info,
        color_image,
        confidence_image,
        depth_image,
        depth_to_image,
        point_cloud,
        rgb_to_image,
        to_stamp,
    )
else:

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from depth_ros.messages import motion, writing

        return getattr(motion if name in ("odometry", "pose", "transform") else writing, name)


__all__ = [
    "camera_from_info",
    "camera_info",
    "camera_to_info",
    "color_image",
    "compressed_to_rgb",
    "confidence_image",
    "depth_image",
    "depth_to_image",
    "image_to_depth",
    "image_to_rgb",
    "odometry",
    "point_cloud",
    "pose",
    "rgb_to_image",
    "stamp_ns",
    "to_stamp",
    "transform",
]
