# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Images to learn from: every layout becomes a DataSet of Readings, opened by open.open_data().

readers/ has the published formats and recordings; collection, pool and rendered what is this
project's own; chosen parts of data sets; draw which reading an example is made of; augment, with
window and light, what a network is shown of it; matching the disparity of pairs. Nothing here
needs torch.
"""
