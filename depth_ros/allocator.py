# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Makes glibc's allocator keep the memory of images for the next one."""

from __future__ import annotations

import ctypes

# mallopt's numbers in malloc.h, and bytes: blocks that come from the heap, heap that is kept free
_SETTINGS = ((-3, 30_000_000), (-1, 400_000_000), (-2, 33_554_432))


def keep_large_blocks() -> bool:
    """For a process that handles images: call it once, first. False where there is no mallopt.

    By default glibc asks the system for every block above 128 KB and gives it back at once, so
    that each new image or cloud page-faults through all of its memory, which costs more than to
    fill it.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(name, value) for name, value in _SETTINGS)
