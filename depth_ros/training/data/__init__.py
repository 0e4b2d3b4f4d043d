# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Images with depth to learn from: recorded sequences, mixed collections, rendered rooms.

Nothing here needs torch but mixture, which is imported by its own name.
"""

from __future__ import annotations

from depth_ros.training.data.augment import AugmentConfig, Example, make_example
from depth_ros.training.data.collection import open_collection
from depth_ros.training.data.rendered import PoolSource
from depth_ros.training.data.sequence import Item, Sequence, open_sequence

__all__ = [
    "AugmentConfig",
    "Example",
    "Item",
    "PoolSource",
    "Sequence",
    "make_example",
    "open_collection",
    "open_sequence",
]
