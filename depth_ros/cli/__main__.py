# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""python -m depth_ros.cli, for where depth_cli is not on the path."""

import sys

from depth_ros.cli import main

if __name__ == "__main__":
    sys.exit(main())
