# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""One camera: ros2 launch depth_ros mono.launch.py image:=/camera/image_raw [rviz:=true]"""

import os
from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

SHARE = Path(__file__).resolve().parent.parent
PROFILES = "FASTDDS_DEFAULT_PROFILES_FILE"
ARGUMENTS = {
    "image": ("image", "The camera's image topic, without /compressed."),
    "camera_info": ("", "Its camera_info topic; empty: camera_info beside the image topic."),
    "params_file": (str(SHARE / "config" / "mono.yaml"), "The node's parameters."),
    "namespace": ("", "Namespace of the node and its topics."),
    "name": ("depth_node", "Name of the node."),
    "rviz": ("false", "Show all in RViz; turns odometry.publish_tf on if params_file is silent."),
}


def beside(image: str) -> str:
    """The camera_info topic that ROS drivers publish together with an image topic."""
    folder, slash, _ = image.rpartition("/")
    return f"{folder}{slash}camera_info"


def nodes(context: LaunchContext) -> list[Node]:
    """The depth node, and RViz if wanted."""
    image, camera_info, params_file, namespace, name, _ = (
        LaunchConfiguration(argument).perform(context) for argument in ARGUMENTS
    )
    in_rviz = IfCondition(LaunchConfiguration("rviz"))
    # RViz needs TF to put the cloud into the odom frame.
    shown = [{"odometry.publish_tf": True}] if in_rviz.evaluate(context) else []
    topics = {"image": image, "camera_info": camera_info or beside(image)}
    remappings = [(inside, outside) for inside, outside in topics.items() if inside != outside]
    depth = Node(
        package="depth_ros",
        executable="depth_node",
        name=name,
        namespace=namespace,
        parameters=[*shown, params_file],
        remappings=remappings,
        output="screen",
    )
    rviz = Node(
        package="rviz2",
        executable="rviz2",
        name=f"{name}_rviz",
        namespace=namespace,
        arguments=["-d", str(SHARE / "config" / "depth.rviz")],
        remappings=remappings,
        condition=in_rviz,
    )
    return [depth, rviz]


def generate_launch_description() -> LaunchDescription:
    """See the module's docstring; --show-args lists the arguments."""
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, (default, description) in ARGUMENTS.items()
    ]
    profiles = os.environ.get(PROFILES) or str(SHARE / "config" / "fastdds.xml")
    return LaunchDescription(
        [*arguments, SetEnvironmentVariable(PROFILES, profiles), OpaqueFunction(function=nodes)]
    )
