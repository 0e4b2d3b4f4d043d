# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Recurrent networks on clips: Zhang et al., "Exploiting Temporal Consistency for Real-Time Video
Depth Estimation", ICCV 2019 (ST-CLSTM), with losses in log depth beside the published ones."""
