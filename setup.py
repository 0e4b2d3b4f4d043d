# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""An ordinary ament_python package; all requirements of the project are listed here."""

from pathlib import Path

from setuptools import find_packages, setup

SHARE = "share/depth_ros"


def shipped(*patterns):
    """The files that match, grouped by folder, as data_files under SHARE (paths are relative)."""
    folders = {}
    for pattern in patterns:
        for path in sorted(Path().glob(pattern)):
            if path.is_file():
                folders.setdefault(f"{SHARE}/{path.parent}", []).append(str(path))
    return list(folders.items())


setup(
    name="depth_ros",
    version="0.1.0",
    description="Depth images, point clouds and ego-motion from a camera, on ROS 2 or without it",
    author="The depth_ros developers",
    maintainer="depth_ros maintainers",
    maintainer_email="maintainers@depth-ros.example.org",
    license="Apache-2.0",
    packages=find_packages(include=["depth_ros", "depth_ros.*"]),
    package_data={"depth_ros": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/depth_ros"]),
        (SHARE, ["package.xml"]),
        (
            "lib/depth_ros",
            [
                "scripts/depth_node",
                "scripts/camera_node",
                "scripts/depth_cli",
                "scripts/depth_eval",
                "scripts/depth_train",
            ],
        ),
        *shipped("launch/*.py", "config/*", "engines/*/*", "training/*.yaml", "training/*.md"),
    ],
    entry_points={
        "console_scripts": [
            "depth_node = depth_ros.node:main",
            "camera_node = depth_ros.camera_node:main",
            "depth_cli = depth_ros.cli:main",
            "depth_eval = depth_ros.training.evaluation.cli:main",
            "depth_train = depth_ros.training.cli:main",
        ],
    },
    python_requires=">=3.10",
    # OpenCV is in an extra because a robot has it as python3-opencv (see package.xml), which pip
    # does not know: as a requirement, pip would put a second, clashing cv2 beside it.
    install_requires=["numpy>=1.21"],
    extras_require={
        "run": [
            "matplotlib>=3.5",
            "opencv-python-headless>=4.5",
            "openvino>=2024.4",
            "pyyaml>=5.4",
            "rosbags>=0.10",
            "tqdm>=4.60",
        ],
        # ROS 2 Kilted from PyPI: x86-64, CPython 3.10 to 3.13.
        "ros": [
            "ros-kilted-rclpy[fastrtps]>=9.1",
            "ros-diagnostic-msgs",
            "ros-geometry-msgs",
            "ros-lifecycle-msgs",
            "ros-nav-msgs",
            "ros-sensor-msgs",
            "ros-std-srvs",
            "ros-stereo-msgs",
        ],
        # To bring networks in and to convert them: depth_cli add-onnx, build.
        "convert": ["onnx>=1.16", "onnxruntime>=1.17", "safetensors>=0.4"],
        # To read published data sets.
        "data": ["h5py>=3.6", "scipy>=1.8"],
        # depth_train and depth_eval, beside what "run" brings.
        "train": [
            "matplotlib>=3.5",
            "onnx>=1.16",
            "pyyaml>=5.4",
            "safetensors>=0.4",
            "scipy>=1.8",
            "tensorboard>=2.12",
            "torch==2.13.0",
            "tqdm>=4.60",
        ],
        "test": [
            "build",
            "colcon-core",
            "colcon-python-setup-py",
            "colcon-ros",
            "h5py>=3.6",
            "onnx>=1.16",
            "onnxruntime>=1.17",
            "pytest>=7",
            "safetensors>=0.4",
            "scipy>=1.8",
            "setuptools>=71",
            # Compiles plans without a GPU, so that the tests do.
            "tensorrt_rtx>=1.7; platform_machine == 'x86_64' and python_version < '3.14'",
        ],
        "lint": ["mypy==2.4.1", "ruff==0.17.5"],
    },
    zip_safe=False,
)
