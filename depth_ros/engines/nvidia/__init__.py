# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What the TensorRT adapter stands on: the CUDA driver, the library in use, its compiler."""
