# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Published data sets in their own formats, and recordings: one file here for each family."""

from __future__ import annotations

from depth_ros.training.data.readers.reading import DataSet, Reading, Readings

__all__ = ["DataSet", "Reading", "Readings"]
