# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The one family of errors that depth_ros survives: a bad frame, file or value, never a bug."""

from __future__ import annotations


class DepthError(Exception):
    """What is wrong, what was expected, what came instead, and what to do about it."""

    def __init__(
        self, what: str, *, expected: object = None, got: object = None, fix: str | None = None
    ) -> None:
        self.what = what
        parts = [what]
        if expected is not None or got is not None:
            parts.append(f"expected {expected}, got {got}")
        message = ": ".join(parts)
        super().__init__(f"{message}. {fix}" if fix else message)


class ConfigError(DepthError):
    """A parameter that is unknown, out of range, or of the wrong type."""


class FrameError(DepthError):
    """An image, camera or message that cannot be used; the frame is dropped."""


class EngineError(DepthError):
    """A network, its spec or its backend that cannot be opened or does not fit."""


class SourceError(DepthError):
    """A video, folder, bag or device that cannot be read."""
