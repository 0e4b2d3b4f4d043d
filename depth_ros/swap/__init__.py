# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Hot swap: how a new network is opened, checked and handed to the worker between two frames."""
