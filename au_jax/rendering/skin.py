"""Paint the skin: complexion, brows, beard, hair and wrinkles, on an atlas.

The atlas unrolls the neutral head like a map of the world: columns are the angle about
an axis through the head, rows are the height. The paint moves with the mesh.
"""

import dataclasses
import functools

import cv2
import numpy as np
from jaxtyping import Float

from au_jax.rendering.expression import AUS

SIZE = 512  # side of the atlas in pixels
SCALE = 165.0  # pixels per decimetre of height, and per radian
TOP = 8.6  # the height of the first row, in decimetres
FLUSH = np.array((0, 0.18, 0.16), np.float32)  # redness removes this much light
AXIS = 0.45  # z of the axis, in decimetres

Atlas = Float[np.ndarray, "512 512"]
Colour = Float[np.ndarray, "3"]


@dataclasses.dataclass(frozen=True)
class Look:
    """The look of a person's skin and hair; colours are RGB in 0..1."""

    skin: Colour
    lips: Colour
    hair: Colour
    iris: Colour
    redness: float
    brow: tuple[float, float, float]  # density, thickness in dm, arch in dm
    beard: float
    hairline: float  # height in dm; above 8.6: bald
    hair_volume: float  # dm
    spots: float
    wrinkles: float
    makeup: float
    cloth: Colour


def to_atlas(points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 2"]:
    """Return the column and row of points of the neutral head."""
    angle = np.arctan2(points[:, 0], points[:, 2] - AXIS)
    column = SIZE / 2 + SCALE * angle
    return np.stack([column, SCALE * (TOP - points[:, 1])], 1).astype(np.float32)


def hair_mask(
    angle: Float[np.ndarray, "*n"], height: Float[np.ndarray, "*n"], hairline: float
) -> Float[np.ndarray, "*n"]:
    """Return where hair grows, 0..1: above a line that falls towards the ears."""
    side = np.clip((np.abs(angle) - 0.75) / 0.55, 0, 1)
    back = np.clip((np.abs(angle) - 1.35) / 0.3, 0, 1)
    line = hairline - 0.85 * side**1.5 - 1.2 * back
    return np.clip((height - line) / 0.12, 0, 1)


def paint(look: Look, rng: np.random.Generator) -> Float[np.ndarray, "512 512 3"]:
    """Paint the atlas of a person's skin as RGB in 0..1."""
    angle, height = _grid()
    complexion, hairs = _channels(look.skin), _channels(look.hair)
    blotches = _noise(rng, 12) * 0.05 + _noise(rng, 48) * 0.03 + _noise(rng, 200) * 0.03
    skin = complexion * (1 + blotches)  # channels are the first axis, for speed
    flush = sum(
        _spot(x, y, width)
        for x, y, width in ((-0.42, 6.95, 0.22), (0.42, 6.95, 0.22), (0.0, 6.95, 0.14))
    )
    skin *= 1 - look.redness * np.minimum(flush, 1) * _channels(FLUSH)
    sockets = _spot(-0.27, 7.24, 0.16) + _spot(0.27, 7.24, 0.16)
    skin *= 1 - 0.12 * np.minimum(sockets, 1)
    lids = _spot(-0.28, 7.33, 0.1) + _spot(0.28, 7.33, 0.1)
    shadow = _channels(rng.uniform(0.1, 0.6, 3)) * complexion
    _cover(skin, shadow, 0.5 * look.makeup * np.minimum(lids, 1))
    if look.spots:
        spots = np.zeros((SIZE, SIZE), np.float32)
        for x, y in rng.uniform((100, 170), (412, 380), (int(120 * look.spots), 2)):
            radius = rng.uniform(0.4, 1.8)
            cv2.circle(spots, (int(x), int(y)), round(radius), rng.uniform(0.2, 1), -1)
        _cover(skin, complexion / 2, 0.6 * cv2.GaussianBlur(spots, (0, 0), 0.8))

    strands = cv2.GaussianBlur(_noise(rng, 512), (0, 0), 0.7, sigmaY=9)
    strands = 1 + 0.35 * strands / max(float(np.abs(strands).max()), 1e-6)
    stubble = np.clip(_noise(rng, 256) * 0.6 + 0.75, 0, 1)
    _cover(skin, hairs, look.beard * stubble * _beard_mask())
    collar = np.clip((5.86 + 0.25 * np.abs(angle) - height) / 0.02, 0, 1)
    _cover(skin, _channels(look.cloth), collar)
    _cover(skin, hairs * strands, hair_mask(angle, height, look.hairline))
    _cover(skin, hairs, _brows(look, rng))
    return np.ascontiguousarray(skin.clip(0, 1).transpose(1, 2, 0))


def brow_line(
    brow: tuple[float, float, float], along: float, above: float
) -> tuple[float, float]:
    """Return the angle and height of a point of the brow on the left side of the head.

    Args:
        brow: `Look.brow`.
        along: 0 at the inner end, 1 at the outer one.
        above: Height above the middle of the brow, as a share of its thickness there.
    """
    _, thickness, arch = brow
    width = thickness * (1 - 0.65 * along)
    y = 7.44 + arch * np.sin(np.pi * min(1, 0.25 + along) * 0.85) - 0.04 * along
    return 0.1 + 0.46 * along, float(y + width * above)


@functools.cache
def wrinkles() -> Float[np.ndarray, "6 512 512"]:
    """Draw the darkness of the wrinkles of each of AUS, 0..1.

    They follow the appearance changes in the FACS manual: lines across the forehead (1,
    2), vertical lines between the brows (4), crow's feet and the lower lid (6), the
    nasolabial furrow (12), the chin boss (17).
    """
    maps = np.zeros((len(AUS), SIZE, SIZE), np.float32)
    for side in (-1, 1):
        for height in (7.68, 7.78, 7.88):
            inner = [(side * x, height + 0.25 * x**2) for x in (0.0, 0.1, 0.22)]
            outer = [
                (side * x, height - 0.4 * (x - 0.4) ** 2) for x in (0.3, 0.42, 0.55)
            ]
            _line(maps[0], inner, 2)
            _line(maps[1], outer, 2)
        _line(maps[2], [(side * 0.07, 7.4), (side * 0.075, 7.5), (side * 0.06, 7.6)], 2)
        _line(maps[2], [(side * 0.03, 7.36), (0.0, 7.345)], 2)
        for rise in (-0.1, 0.0, 0.1):
            _line(
                maps[3],
                [(side * 0.56, 7.27 + 0.2 * rise), (side * 0.72, 7.27 + rise)],
                2,
            )
        _line(maps[3], [(side * 0.14, 7.17), (side * 0.3, 7.1), (side * 0.46, 7.15)], 2)
        furrow = [(side * 0.2, 6.95), (side * 0.33, 6.8), (side * 0.38, 6.62)]
        _line(maps[4], furrow, 3)
        _line(
            maps[5], [(side * 0.02, 6.42), (side * 0.12, 6.38), (side * 0.2, 6.32)], 2
        )
    _line(maps[5], [(-0.14, 6.4), (0.0, 6.44), (0.14, 6.4)], 3)
    return np.stack([cv2.GaussianBlur(m, (0, 0), 1.6) for m in maps])


@functools.cache
def _grid() -> tuple[Atlas, Atlas]:
    """Return the angle and height of each pixel of the atlas."""
    row, column = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    return (column - SIZE / 2) / SCALE, TOP - row / SCALE


@functools.cache
def _spot(angle: float, height: float, width: float) -> Atlas:
    """Draw a soft round spot; the cached result serves every person."""
    x, y = _grid()
    return np.exp(-((x - angle) ** 2 + (y - height) ** 2) / (2 * width**2))


@functools.cache
def _beard_mask() -> Atlas:
    angle, height = _grid()
    chin = np.clip((6.5 - height + 0.25 * np.abs(angle)) / 0.12, 0, 1)
    cheek = np.clip((6.35 + 0.75 * np.abs(angle) - height) / 0.15, 0, 1)
    moustache = np.clip((0.32 - np.abs(angle)) / 0.08, 0, 1) * np.clip(
        np.minimum(height - 6.7, 6.86 - height) / 0.04, 0, 1
    )
    neck = np.clip((height - 6.12) / 0.1, 0, 1)
    return np.maximum(np.maximum(chin, cheek) * neck * (height < 7.3), moustache)


def _brows(look: Look, rng: np.random.Generator) -> Atlas:
    """Draw the brows hair by hair, as the share of the skin that they cover."""
    layer = np.zeros((SIZE, SIZE), np.float32)
    for side in (-1, 1):
        for _ in range(int(260 * look.brow[0])):
            t = rng.random()
            x, y = brow_line(look.brow, t, rng.uniform(-0.5, 0.5))
            slope = 0.9 - 1.3 * t + rng.normal(0, 0.2)
            length = rng.uniform(0.03, 0.07)
            end = x + length * np.cos(slope), y + length * np.sin(slope)
            ends = [(side * x, y), (side * end[0], end[1])]
            _line(layer, ends, 1, rng.uniform(0.5, 0.9))
    return np.clip(cv2.GaussianBlur(layer, (0, 0), 1.0) * 1.4, 0, 0.95)


def _line(
    layer: Atlas, points: list[tuple[float, float]], width: int, value: float = 1.0
) -> None:
    """Draw a polyline, given by angles and heights."""
    pixels = [(SIZE / 2 + SCALE * x, SCALE * (TOP - y)) for x, y in points]
    fixed = np.round(np.array(pixels) * 16).astype(np.int32)
    cv2.polylines(layer, [fixed], False, value, width, cv2.LINE_AA, 4)


def _noise(rng: np.random.Generator, cells: int) -> Atlas:
    """Draw smooth noise of about -1..1, with `cells` cells across the atlas."""
    small = rng.standard_normal((cells, cells)).astype(np.float32) * 0.5
    return cv2.resize(small, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)


def _channels(colour: Colour) -> Float[np.ndarray, "3 1 1"]:
    return colour.astype(np.float32)[:, None, None]


def _cover(
    skin: Float[np.ndarray, "3 h w"], colour: Float[np.ndarray, "3 _ _"], share: Atlas
) -> None:
    """Cover the skin with a colour, in place."""
    skin += (colour - skin) * share.astype(np.float32)
