# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A scene: flat arrays of faces and round solids, materials and lights.

World axes are metres with z up; the floor or ground is z = 0, streets run along y.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from depth_ros.frame import Float32, Float64, UInt8

Kind = Literal["room", "corridor", "street"]
KINDS: tuple[Kind, ...] = ("room", "corridor", "street")
RECTANGLE, DISC, TRIANGLE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Faces:
    """F flat patches: ``centre + a * half[0] * u + b * half[1] * v`` for a, b in -1 to 1.

    A disc keeps a^2 + b^2 <= 1, a triangle |a| <= (1 - b) / 2. The front side is along
    cross(u, v); patches that are not ``two_sided`` are invisible from behind.
    """

    centre: Float64  # (F, 3)
    u: Float64  # (F, 3) unit
    v: Float64  # (F, 3) unit, at a right angle to u
    half: Float64  # (F, 2) metres
    shape: npt.NDArray[np.int64]  # (F,) RECTANGLE, DISC or TRIANGLE
    two_sided: npt.NDArray[np.bool_]  # (F,)
    material: npt.NDArray[np.int64]  # (F,)


@dataclass(frozen=True, slots=True)
class Solids:
    """S round surfaces x^2 + y^2 + e z^2 - 2 f z = g with |z| <= 1 in their own axes.

    Ellipsoids have (e, f, g) = (1, 0, 1). A frustum of radii m - k and m + k at its two ends has
    (-k^2, m k, m^2): x^2 + y^2 = (m + k z)^2; cylinders and cones are frustums, without caps.
    """

    centre: Float64  # (S, 3)
    axes: Float64  # (S, 3, 3) columns: the own unit axes, scaled, in the world
    form: Float64  # (S, 3) e, f, g
    material: npt.NDArray[np.int64]  # (S,)


@dataclass(frozen=True, slots=True)
class Materials:
    """Colour = base + pattern @ mix, linear light; a pattern of -1 m covers a whole face."""

    pattern: npt.NDArray[np.int64]  # (M,) index into the atlas
    period: Float64  # (M,) metres that one pattern spans, or -1
    base: Float64  # (M, 3)
    mix: Float64  # (M, 3, 3)
    gloss: Float64  # (M,) 0 dull to 1 shiny
    glow: Float64  # (M,) light of its own, in parts of its colour


@dataclass(frozen=True, slots=True)
class Light:
    """A lamp at ``position``, or the sun shining along ``direction`` where that is given."""

    position: Float64  # (3,)
    colour: Float64  # (3,) irradiance at 1 m, or of the sun
    direction: Float64 | None = None
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """What `random_scene` makes and `render` draws."""

    kind: Kind
    seed: int
    faces: Faces
    solids: Solids
    materials: Materials
    lights: tuple[Light, ...]
    ambient: Float64  # (2, 3) from below and from above
    exposure: float
    extent: Float64  # (2, 3) low and high corner of where a camera may be
    obstacles: Float64  # (K, 2, 3) low and high corners of what must not be driven into
    occlusion: UInt8  # (H, W) how open the ground is, 255 fully, over `occlusion_area`
    occlusion_area: Float64  # (2, 2) low and high x, y of it
    sky: Float64 | None  # (2, 3) colour at the horizon and overhead; None: closed


@dataclass(frozen=True, slots=True)
class Rendered:
    """``image`` (H, W, 3) uint8 RGB; ``depth`` (H, W) float32 metres along z, NaN for the sky."""

    image: UInt8
    depth: Float32
