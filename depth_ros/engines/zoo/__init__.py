# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Entries of the zoo: written at once or not at all, imported, or made of anyone's ONNX file."""
