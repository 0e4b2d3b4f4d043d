# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""How a command of depth_ros ends."""

from __future__ import annotations

import sys
from collections.abc import Callable

from depth_ros.errors import DepthError


def exit_code(program: str, command: Callable[[], None]) -> int:
    """Runs it. 0 is success, 2 a mistake that one sentence explains, 130 Ctrl-C."""
    try:
        command()
    except DepthError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0
