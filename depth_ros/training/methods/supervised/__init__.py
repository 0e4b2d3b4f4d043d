# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Depth from one image, learned from true depth: dense, sparse, metric or right up to a factor.

``method`` has the method itself; nothing here but ``config`` is imported without torch.
"""
