# SPDX-FileCopyrightText: 2026 The depth_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Colour of what `raster.cast` hit: texture, lamps with falloff and soft shadows, edge occlusion.

Everything is a function of the point in the world and of the surface, apart from a weak highlight,
so that two views of one point agree in colour. No camera effects here: see `optics`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from depth_ros.frame import Float32, Float64, UInt8
from depth_ros.training.render.atlas import LEVELS, atlas, origins, sides
from depth_ros.training.render.patterns import SIZE
from depth_ros.training.render.raster import Eye, Hits, face_forms
from depth_ros.training.render.scene import Scene
from depth_ros.training.render.shadow import ShadowMap, shadow_maps
from depth_ros.training.render.tone import paint_sky, soften, tone

Index = npt.NDArray[np.intp]
_FAR_M = 1000.0  # where the sky is put
_BAND = 24576  # pixels shaded at a time


@dataclass(frozen=True, slots=True)
class Tables:
    """What is the same for all bands of a picture."""

    face: Float32  # (12, F): see `_face_table`
    material: Index  # (F + S,)
    colour: Float32  # (14, M): base, mix by channel, glow, gloss
    local: Float64  # (S, 3, 3): from the world's axes to the solids' own
    pattern: Index  # (M,)


@dataclass(frozen=True, slots=True)
class Points:
    """What is known of every pixel, as flat float32 arrays."""

    material: Index
    world: tuple[Float32, Float32, Float32]
    normal: tuple[Float32, Float32, Float32]
    view: tuple[Float32, Float32, Float32]  # from the point to the camera, unit
    facing: Float32  # cosine between the two
    u: Float32  # pattern periods
    v: Float32
    density: Float32  # pattern pixels per image pixel


def shade(scene: Scene, eye: Eye, hits: Hits) -> UInt8:
    """(H, W, 3) uint8 RGB, in bands of rows that fit the processor's cache."""
    height, width = hits.index.shape
    rows = max(1, _BAND // width)
    out = np.empty((height, width, 3), np.uint8)
    tables = _tables(scene, eye)
    for top in range(0, height, rows):
        band = slice(top, min(top + rows, height))
        part = Hits(hits.index[band], hits.inverse[band])
        out[band] = _shade(scene, tables, replace(eye, y=eye.y[band]), part)
    return soften(out, hits.index)


def _shade(scene: Scene, tables: Tables, eye: Eye, hits: Hits) -> UInt8:
    points = _points(scene, tables, eye, hits)
    albedo = _albedo(tables, points)
    light, shine = _light(scene, points)
    glow, gloss = tables.colour[12].take(points.material), tables.colour[13].take(points.material)
    image = np.empty((*hits.index.shape, 3), np.float32)
    for channel in range(3):
        lit = albedo[channel] * (light[channel] + glow) + gloss * shine[channel]
        image[..., channel] = lit.reshape(hits.index.shape)
    if scene.sky is not None:
        paint_sky(image, scene.sky, points.view[2], hits.index < 0)
    return tone(image * np.float32(scene.exposure))


def _tables(scene: Scene, eye: Eye) -> Tables:
    materials, solids = scene.materials, scene.solids
    mix = (materials.mix / 255).transpose(2, 1, 0).reshape(9, -1)
    colour = np.concatenate([materials.base.T, mix, [materials.glow], [materials.gloss]])
    return Tables(
        _face_table(scene, eye),
        np.concatenate([scene.faces.material, solids.material]),
        colour.astype(np.float32),
        np.asarray(np.linalg.inv(solids.axes), np.float64),
        materials.pattern,
    )


def _points(scene: Scene, tables: Tables, eye: Eye, hits: Hits) -> Points:
    flat = hits.index.ravel().astype(np.intp)
    count = len(scene.faces.centre)
    z = (1 / np.maximum(hits.inverse, 1 / _FAR_M)).ravel()
    x = np.tile(eye.x.astype(np.float32), len(eye.y))
    y = np.repeat(eye.y.astype(np.float32), len(eye.x))
    turn = eye.turn.astype(np.float32)
    rays = [turn[i, 0] * x + turn[i, 1] * y + turn[i, 2] for i in range(3)]
    world = tuple(eye.place.astype(np.float32)[i] + z * rays[i] for i in range(3))
    length = np.sqrt(x * x + y * y + 1)
    view = tuple(-r / length for r in rays)
    # Sky (-1) and solids take row 0; solids are then overwritten, the sky painted over.
    face = np.where((flat < 0) | (flat >= count), 0, flat)
    columns = [row.take(face) for row in tables.face]
    u = z * (columns[0] * x + columns[1] * y + columns[2]) + columns[3]
    v = z * (columns[4] * x + columns[5] * y + columns[6]) + columns[7]
    normal = columns[8:11]
    material = tables.material.take(np.maximum(flat, 0))
    texels = columns[11]
    round_ones = np.flatnonzero(flat >= count)
    if len(round_ones):
        at = np.stack([world[i][round_ones] for i in range(3)])
        values = _round(scene, tables.local, flat[round_ones] - count, at)
        for target, value in zip([*normal, u, v, texels], values, strict=True):
            target[round_ones] = value
    facing = normal[0] * view[0] + normal[1] * view[1] + normal[2] * view[2]
    flip = np.copysign(np.float32(1), facing)
    normal = [n * flip for n in normal]
    facing = np.maximum(np.abs(facing), np.float32(0.05))
    density = texels * z / (np.float32(eye.focal) * np.sqrt(facing))
    return Points(material, world, tuple(normal), view, facing, u, v, density)


def _face_table(scene: Scene, eye: Eye) -> Float32:
    """(12, F): forms of u over rays and its offset, those of v, normal, pattern pixels a metre."""
    faces = scene.faces
    period = scene.materials.period[faces.material][:, None]
    whole = period[:, 0] < 0
    _, a, b = face_forms(faces, eye)
    # Undo the division by z in the forms: they give a/z, hence a = z * form.
    scale = np.where(period < 0, 0.5, faces.half / np.where(period < 0, 1.0, period))
    offset = np.stack([np.arange(len(whole)) * 0.618034, np.arange(len(whole)) * 0.754878], 1) % 1
    offset = np.where(period < 0, 0.5, offset)
    density = SIZE / np.where(whole, 2 * np.sqrt(faces.half.prod(1)), period[:, 0])
    normal = np.cross(faces.u, faces.v)
    columns = [*(a * scale[:, :1]).T, offset[:, 0], *(-b * scale[:, 1:]).T, offset[:, 1]]
    return np.stack([*columns, *normal.T, density]).astype(np.float32)


def _round(scene: Scene, inverse: Float64, solid: Index, world: Float32) -> list[Float32]:
    """Normals, u, v and pattern pixels a metre of points on round solids."""
    solids = scene.solids
    local = np.einsum("nij,jn->in", inverse[solid], world - solids.centre[solid].T)
    e, f, _ = solids.form[solid].T
    slope = np.stack([local[0], local[1], e * local[2] - f])
    normal = np.einsum("nji,jn->in", inverse[solid], slope)
    normal /= np.linalg.norm(normal, axis=0)
    size = np.linalg.norm(solids.axes, axis=1)
    period = scene.materials.period[solids.material]
    around = np.where(period < 0, 1, np.maximum(1, np.round(2 * np.pi * size[:, 0] / period)))
    along = np.where(period < 0, 0.5, size[:, 2] / np.abs(period))
    u = np.arctan2(local[1], local[0]) / (2 * np.pi) * around[solid]
    v = 0.5 - local[2] * along[solid]
    density = SIZE * around / (2 * np.pi * size[:, 0])
    return [n.astype(np.float32) for n in (*normal, u, v, density[solid])]


def _albedo(tables: Tables, points: Points) -> list[Float32]:
    """Three flat arrays of linear reflectance."""
    book = atlas()
    # The exponent of a float32 is the floor of its logarithm to base 2.
    level = ((points.density * np.float32(0.9)).view(np.int32) >> 23) - 127
    level = np.clip(level, 0, LEVELS - 1).astype(np.intp)
    slot = level * book.origin.shape[1] + tables.pattern.take(points.material)
    side = sides().take(level)
    origin = origins()
    x = origin[0].take(slot) + (points.u - np.floor(points.u)) * side
    y = origin[1].take(slot) + (points.v - np.floor(points.v)) * side
    # remap cannot take more than 32767 columns: fold the flat arrays into rows.
    rows = -(-len(x) // 4096)
    x, y = (np.pad(c, (0, rows * 4096 - len(c))).reshape(rows, 4096) for c in (x, y))
    sampled = cv2.remap(book.image, x, y, cv2.INTER_LINEAR).reshape(-1, 3)[: len(points.u)]
    blend = [sampled[:, i].astype(np.float32) for i in range(3)]
    out = []
    for channel in range(3):
        colour = tables.colour[channel].take(points.material)
        for i in range(3):
            colour += tables.colour[3 + 3 * channel + i].take(points.material) * blend[i]
        out.append(np.clip(colour, 0.01, 0.97, out=colour))
    return out


def _light(scene: Scene, points: Points) -> tuple[list[Float32], list[Float32]]:
    """Diffuse irradiance and highlights, three flat arrays each."""
    openness = _openness(scene, points)
    up = points.normal[2] * np.float32(0.5) + np.float32(0.5)
    below, above = scene.ambient.astype(np.float32)
    diffuse = [openness * (below[c] + (above[c] - below[c]) * up) for c in range(3)]
    shine = [np.zeros_like(up) for _ in range(3)]
    maps = shadow_maps(scene)
    for number, lamp in enumerate(scene.lights):
        strength, highlight = _lamp(points, lamp.position, lamp.direction, maps.get(number))
        for c, colour in enumerate(lamp.colour.astype(np.float32)):
            diffuse[c] += colour * strength
            if number == 0:
                shine[c] += np.float32(0.4) * colour * highlight
    return diffuse, shine


def _lamp(
    points: Points, position: Float64, direction: Float64 | None, shadow: ShadowMap | None
) -> tuple[Float32, Float32]:
    px, py, pz = points.world
    nx, ny, nz = points.normal
    if direction is None:
        x, y, z = (np.float32(c) - p for c, p in zip(position, points.world, strict=True))
        square = x * x + y * y + z * z + np.float32(0.05)
        near = 1 / np.sqrt(square)
        cosine = (nx * x + ny * y + nz * z) * near
        falloff = 1 / (square + np.float32(0.3))
    else:
        x, y, z = (np.float32(-c) for c in direction)
        near, falloff = np.float32(1), np.float32(1)
        cosine = nx * x + ny * y + nz * z
    strength = np.maximum(cosine, 0) * falloff
    if shadow is not None:
        strength *= shadow.lit(px, py, pz)
    vx, vy, vz = points.view
    mirrored = 2 * cosine * points.facing - (x * vx + y * vy + z * vz) * near
    highlight = np.maximum(mirrored, 0)
    for _ in range(4):
        highlight *= highlight
    return strength, highlight * strength


def _openness(scene: Scene, points: Points) -> Float32:
    """Dark where floor, walls and furniture meet: from the map of what stands on the ground."""
    low, high = scene.occlusion_area
    size = np.array(scene.occlusion.shape[::-1])
    step = (size / (high - low)).astype(np.float32)
    px, py, pz = points.world
    x = (px + np.float32(0.12) * points.normal[0] - np.float32(low[0])) * step[0]
    y = (py + np.float32(0.12) * points.normal[1] - np.float32(low[1])) * step[1]
    column = np.clip(x, 0, size[0] - 1).astype(np.intp)
    row = np.clip(y, 0, size[1] - 1).astype(np.intp)
    closed = 1 - scene.occlusion.take(row * size[0] + column) * np.float32(1 / 255)
    inside = (x >= 0) & (x < size[0]) & (y >= 0) & (y < size[1])
    dark = closed * inside * np.exp(-np.maximum(pz, 0) * np.float32(2.5))
    return np.asarray(1 - dark, np.float32)
