# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What the methods' validations share: accuracy of depth, and means over what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from torch import nn

from depth_ros.metrics import average

Row = dict[str, float]
SHOWN = ("abs_rel", "delta1")


@contextmanager
def judged(network: nn.Module) -> Iterator[None]:
    """In it, the network is in eval mode; after it, in the mode that it was in."""
    was = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(was)


def accuracy(scaled: Sequence[Row], metric: Sequence[Row]) -> Row:
    """abs_rel and delta1 of median-scaled images, and ``metric_...`` of those in metres.

    Means over the images of each; without images there is no such measure.
    """
    found = {key: average(scaled)[key] for key in SHOWN} if scaled else {}
    if metric:
        found |= {f"metric_{key}": average(metric)[key] for key in SHOWN}
    return found


def over_sources(rows: Sequence[Row]) -> Row:
    """Means of the rows, each measure over those that have it."""
    keys = dict.fromkeys(key for row in rows for key in row)
    return {key: float(np.mean([row[key] for row in rows if key in row])) for key in keys}
