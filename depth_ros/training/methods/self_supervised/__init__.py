# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Depth, and ego-motion, from images alone: what one view shows has to explain another.

Monodepth2 (Godard et al. 2019) in all its forms, and the losses of SfMLearner, Monodepth, Garg,
vid2depth, FeatDepth, PackNet, SC-SfMLearner, depth hints and of visual odometry's points beside
it. ``method`` has the method itself; nothing here but ``config`` is imported without torch.
"""
