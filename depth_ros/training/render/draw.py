# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A scene from a seed."""

from __future__ import annotations

import numpy as np

from depth_ros.errors import ConfigError
from depth_ros.training.render.corridor import passage
from depth_ros.training.render.room import furnished
from depth_ros.training.render.scene import KINDS, Scene
from depth_ros.training.render.street import street

_MIX = (0.73, 0.15, 0.12)  # of KINDS
_MAKERS = {"room": furnished, "corridor": passage, "street": street}


def random_scene(seed: int, kind: str | None = None) -> Scene:
    """The scene of that seed: a room, a corridor or a street; None draws the kind as well."""
    if kind is not None and kind not in KINDS:
        raise ConfigError("kind of scene", expected=" or ".join(KINDS), got=kind)
    rng = np.random.Generator(np.random.PCG64(seed))
    drawn = str(rng.choice(KINDS, p=_MIX))
    return _MAKERS[kind or drawn](rng, seed)
