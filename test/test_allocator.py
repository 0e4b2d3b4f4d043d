# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Counted in page faults: the memory of a large message is used again."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
from array import array
import numpy as np
from depth_ros.allocator import keep_large_blocks
from depth_ros.frame import Camera
from depth_ros.points import points

kept = sys.argv[1] == "keep" and keep_large_blocks()
camera = Camera(640, 480, 500.0, 500.0, 319.5, 239.5)
depth, image = np.ones((480, 640), np.float32), np.zeros((480, 640, 3), np.uint8)

def cloud():
    array("B").frombytes(points(depth, camera, image, 1).view(np.uint8).reshape(-1))

cloud()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    cloud()
print(int(kept), (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 20)
"""


def faults_per_cloud(argument: str) -> tuple[int, int]:
    run = [sys.executable, "-c", FAULTS, argument]
    kept, count = subprocess.run(run, capture_output=True, text=True, check=True).stdout.split()
    return int(kept), int(count)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt")
def test_a_cloud_finds_the_memory_of_the_last_one() -> None:
    kept, count = faults_per_cloud("keep")
    assert kept and 10 * count < faults_per_cloud("leave")[1]
