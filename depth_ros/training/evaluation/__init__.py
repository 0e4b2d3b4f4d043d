# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Named protocols of the papers, on predictions of any network: the command ``depth_eval``."""

from __future__ import annotations

from depth_ros.training.evaluation.protocols import PROTOCOLS, Protocol, find_protocol

__all__ = ["PROTOCOLS", "Protocol", "find_protocol"]
