"""Move the face of a photograph: known AUs on a real person.

The photograph is the texture of the head that was fitted to it. Facial units move the
head; each pixel takes its colour from where its point of the skin was, times the change
of light that the turned normal brings. Only what a neutral face hides is painted: teeth
and tongue, and wrinkles.
"""

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from au_jax.rendering import camera as cameras
from au_jax.rendering import head, raster, shading, skin
from au_jax.rendering.expression import AUS, Expression
from au_jax.rendering.portrait import EYES, SIZE, Portrait, landmarks_of
from au_jax.rendering.raster import Hits

Picture = Float[np.ndarray, "s s c"]

SPREAD = 0.2 * EYES  # how far around the moved skin its surroundings follow
DARKEST = 0.15  # of the brightness of a face: the least light on its skin
TEETH, TONGUE, THROAT = (1.5, 1.42, 1.3), (0.8, 0.4, 0.38), (0.28, 0.09, 0.08)
LID_STRETCH = 0.08  # of the eye distance


def move(
    portrait: Portrait, expression: Expression, wrinkles: float
) -> tuple[UInt8[np.ndarray, "s s 3"], Float[np.ndarray, "49 2"]]:
    """Return the picture of another expression, and its landmarks.

    Args:
        portrait: The neutral face.
        expression: The facial units, and the AUs that wrinkle the skin.
        wrinkles: How much light the deepest wrinkle takes, 0..1.

    Returns:
        RGB, and x, y in its pixels; the landmarks move as those of the head do.
    """
    mesh = head.load()
    vertices = head.deform(portrait.vertices, mesh.units, expression.units)
    before, _ = portrait.project(portrait.vertices)
    after, depth = portrait.project(vertices)
    kept = mesh.materials != head.LASH
    triangles, materials = mesh.triangles[kept], mesh.materials[kept]
    hits = raster.rasterize(after, depth, triangles, SIZE, SIZE)
    material = materials[hits.triangles]
    turn = cameras.rotation(portrait.camera).T
    normals = [
        head.normals(v, mesh.triangles) @ turn for v in (vertices, portrait.vertices)
    ]
    source = before + _lids(before, after)
    inside = mesh.regions["inside-mouth"][:, None]
    fields = np.concatenate([source, *normals, mesh.vertices, inside], axis=1)
    seen = raster.interpolate(hits, triangles, fields.astype(np.float32))
    mouth = (material == head.TEETH) | (material == head.TONGUE)
    mouth |= (material == head.SKIN) & (seen[:, 11] > 0.5)
    shown = (material == head.SKIN) & ~mouth
    shown &= seen[:, 10] > 0.2  # not the back of the head
    still = material == head.EYE
    picture = _warp(portrait.image, hits, seen[:, :2], shown, still)
    light = _relit(portrait, seen[:, 2:5], seen[:, 5:8])
    light *= 1 - wrinkles * _folds(expression, seen[:, 8:11])
    ratio = np.ones(SIZE * SIZE, np.float32)
    ratio[hits.pixels[shown]] = light[shown]
    ratio = cv2.GaussianBlur(ratio.reshape(SIZE, SIZE), (0, 0), 1.2)
    picture *= ratio[..., None]
    _fill_mouth(picture, portrait, hits, material, mouth, seen[:, 4])
    moved = portrait.landmarks + landmarks_of(after - before)
    return picture.clip(0, 255).astype(np.uint8), moved.astype(np.float32)


def _lids(
    before: Float[np.ndarray, "v 2"], after: Float[np.ndarray, "v 2"]
) -> Float[np.ndarray, "v 2"]:
    """Return by how much lids that close take their colour from further away.

    The neutral lid is folded: without this, its lashes would be stretched over the eye.
    """
    mesh = head.load()
    lids = mesh.regions["eyelids"] > 0.3
    shift = np.zeros_like(before)
    x = mesh.vertices[:, 0]
    for side in (x < 0, x > 0):
        eye = np.unique(mesh.triangles[mesh.materials == head.EYE])
        centre = before[eye[side[eye]]].mean(axis=0)
        chosen = lids & side
        away = before[chosen] - centre
        away /= np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1)
        moved = np.linalg.norm(after[chosen] - before[chosen], axis=1, keepdims=True)
        share = np.clip(moved / (LID_STRETCH * EYES) - 0.5, 0, 1)
        shift[chosen] = LID_STRETCH * EYES * share * away
    return shift


def _warp(
    image: UInt8[np.ndarray, "s s 3"],
    hits: Hits,
    source: Float[np.ndarray, "n 2"],
    shown: Bool[np.ndarray, " n"],
    still: Bool[np.ndarray, " n"],
) -> Picture:
    """Take each pixel from its source; what is around the skin follows it."""
    flow = np.zeros((SIZE * SIZE, 2), np.float32)
    known = np.zeros(SIZE * SIZE, np.float32)
    y, x = np.divmod(hits.pixels, SIZE)
    flow[hits.pixels[shown]] = (source - np.stack([x, y], axis=1))[shown]
    known[hits.pixels[shown | still]] = 1
    flow, known = flow.reshape(SIZE, SIZE, 2), known.reshape(SIZE, SIZE, 1)
    near = cv2.GaussianBlur(known, (0, 0), SPREAD)[..., None]
    around = cv2.GaussianBlur(flow * known, (0, 0), SPREAD)
    around = around / np.maximum(near, 1e-3) * np.clip(2 * near, 0, 1)
    flow = np.where(known > 0, flow, around)
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    return cv2.remap(
        image,
        columns + flow[..., 0],
        rows + flow[..., 1],
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    ).astype(np.float32)


def _relit(
    portrait: Portrait,
    after: Float[np.ndarray, "n 3"],
    before: Float[np.ndarray, "n 3"],
) -> Float[np.ndarray, " n"]:
    """Return the light on the new normals over that on the old ones."""
    least = DARKEST * portrait.brightness
    new, old = (
        np.maximum(portrait.light[0] + normal @ portrait.light[1:], least)
        for normal in (after, before)
    )
    return np.clip(new / old, 0.7, 1.35)


def _folds(
    expression: Expression, place: Float[np.ndarray, "n 3"]
) -> Float[np.ndarray, " n"]:
    """Return how deep the wrinkles are at places of the neutral head, 0..1."""
    strength = np.array([expression.aus.get(au, 0.0) for au in AUS], np.float32)
    folds = np.tensordot(strength, skin.wrinkles(), 1).clip(0, 1)
    folds = cv2.GaussianBlur(folds, (0, 0), 2.0)[..., None]
    return shading.sample(folds, skin.to_atlas(place))[:, 0]


def _fill_mouth(
    picture: Picture,
    portrait: Portrait,
    hits: Hits,
    material: np.ndarray,
    mouth: Bool[np.ndarray, " n"],
    facing: Float[np.ndarray, " n"],
) -> None:
    """Paint teeth, tongue and throat between the lips; they get darker inwards."""
    if not mouth.any():
        return
    level = 255 * np.clip(portrait.brightness, 0.2, 0.6)
    colour = np.zeros((SIZE * SIZE, 3), np.float32)
    open_ = np.zeros(SIZE * SIZE, np.float32)
    open_[hits.pixels[mouth]] = 1
    colour[hits.pixels[mouth]] = level * np.array(THROAT)
    tongue, teeth = material == head.TONGUE, material == head.TEETH
    colour[hits.pixels[tongue]] = level * np.array(TONGUE)
    shade = np.clip(0.6 + 0.4 * facing[teeth], 0.4, 1)[:, None]
    colour[hits.pixels[teeth]] = level * np.array(TEETH) * shade
    open_, colour = open_.reshape(SIZE, SIZE), colour.reshape(SIZE, SIZE, 3)
    near = cv2.GaussianBlur(open_, (0, 0), 1.0)[..., None]
    colour = cv2.GaussianBlur(colour, (0, 0), 1.0) / np.maximum(near, 1e-3)
    inwards = cv2.distanceTransform(open_.astype(np.uint8), cv2.DIST_L2, 3)
    colour *= np.clip(0.5 + inwards / (0.08 * EYES), 0, 1)[..., None]
    cover = cv2.GaussianBlur(open_, (0, 0), 0.8)[..., None]
    cover = np.clip(1.3 * cover - 0.15, 0, 1)
    picture += (colour.clip(0, 235) - picture) * cover
