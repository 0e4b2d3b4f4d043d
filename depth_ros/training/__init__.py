# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Everything that learns: rendering, datasets, training, evaluation. Nobody imports it."""
