"""Draw things in front of a face: glasses, strands of hair, a hand, a cap.

Each function takes the 49 landmarks in pixels, and draws in place on an RGB picture
with values in 0..1.
"""

import cv2
import numpy as np
from jaxtyping import Float

from au_jax.faces import landmarks as points49

Picture = Float[np.ndarray, "h w 3"]
Points = Float[np.ndarray, "49 2"]

FRACTION = 4  # fractional bits of OpenCV's fixed-point coordinates


def glasses(picture: Picture, points: Points, rng: np.random.Generator) -> None:
    """Draw frames around the eyes, with lenses that may be tinted or reflect."""
    left, right = points49.eye_centres(points)
    across = right - left
    eye = float(np.linalg.norm(across))
    angle = float(np.degrees(np.arctan2(across[1], across[0])))
    colour = [float(c) for c in rng.uniform(0, 0.5, 3)]
    axes = eye * rng.uniform(0.30, 0.42), eye * rng.uniform(0.2, 0.36)
    width = max(1, round(eye * rng.uniform(0.02, 0.07)))
    lens = np.zeros(picture.shape[:2], np.float32)
    for centre in (left, right):
        centre = centre + np.array([0, 0.04 * eye])
        box = (_pair(centre), _pair(axes), angle)
        fixed = (_fixed(box[0]), _fixed(box[1]), angle, 0, 360)
        cv2.ellipse(lens, *fixed, 1.0, -1, cv2.LINE_AA, FRACTION)
    dark = rng.uniform(0, 0.35) if rng.random() < 0.9 else rng.uniform(0.5, 0.85)
    tint = rng.uniform(0, 0.4, 3) if rng.random() < 0.6 else np.array((0.9, 0.9, 0.95))
    picture += (tint - picture) * (dark * lens)[..., None]
    for centre in (left, right):
        fixed = (_fixed(_pair(centre + np.array([0, 0.04 * eye]))), _fixed(_pair(axes)))
        cv2.ellipse(
            picture, *fixed, angle, 0, 360, colour, width, cv2.LINE_AA, FRACTION
        )
    inner = [left + across * axes[0] / eye, right - across * axes[0] / eye]
    outer = [left - across * axes[0] / eye, right + across * axes[0] / eye]
    _stroke(picture, inner, colour, width)
    for start, way in ((outer[0], -1), (outer[1], 1)):
        _stroke(picture, [start, start + way * across * 0.45], colour, width)


def strands(
    picture: Picture, points: Points, rng: np.random.Generator, colour: np.ndarray
) -> None:
    """Draw hair that falls over the forehead, or over one side of the face."""
    left, right = points49.eye_centres(points)
    eye, top = float(np.linalg.norm(right - left)), (left + right) / 2
    up = np.array([right[1] - left[1], left[0] - right[0]]) / eye
    side = (right - left) / eye
    over_brow = rng.random() < 0.6
    start = rng.uniform(-0.9, 0.9)
    for _ in range(rng.integers(15, 70)):
        at = start + rng.normal(0, 0.35 if over_brow else 0.15)
        root = top + eye * (1.25 * up + at * side)
        length = rng.uniform(0.5, 1.1) if over_brow else rng.uniform(1.2, 2.4)
        drift = (rng.normal(0, 0.25) + (0 if over_brow else np.sign(start) * 0.5)) * eye
        middle = root - 0.5 * length * eye * up + 0.2 * drift * side
        tip = root - length * eye * up + drift * side
        shade = colour * rng.uniform(0.7, 1.4)
        _stroke(picture, [root, middle, tip], [float(c) for c in shade], 1)


def hand(
    picture: Picture, points: Points, rng: np.random.Generator, colour: np.ndarray
) -> None:
    """Draw a palm and four fingers that rest on the chin or on a cheek."""
    left, right = points49.eye_centres(points)
    eye = float(np.linalg.norm(right - left))
    way = rng.choice((-1.0, 1.0))
    chin = points[list(points49.MOUTH_CORNERS)].mean(axis=0)
    palm = chin + eye * np.array([way * rng.uniform(0.7, 1.3), rng.uniform(0.5, 1.1)])
    target = chin + eye * np.array(
        [way * rng.uniform(0.1, 0.6), rng.uniform(-0.3, 0.5)]
    )
    layer = np.zeros_like(picture)
    mask = np.zeros(picture.shape[:2], np.float32)
    width = round(eye * rng.uniform(0.15, 0.22))
    towards = (target - palm) / np.linalg.norm(target - palm)
    normal = np.array([-towards[1], towards[0]])
    pieces = [([palm, palm + eye * np.array([way, 1.5])], 3 * width, 0.9)]
    for finger in range(4):
        root = palm + normal * (finger - 1.5) * width * 0.95
        tip = root + (target - palm) * rng.uniform(0.85, 1.15)
        pieces.append(([root, tip], width, rng.uniform(0.85, 1.05)))
    for line, thick, shade in pieces:
        edge, skin = colour * 0.55 * shade, colour * shade
        _stroke(layer, line, [float(c) for c in edge], thick + 2)
        _stroke(layer, line, [float(c) for c in skin], max(1, thick - 1))
        _stroke(mask, line, 1.0, thick + 2)
    layer = cv2.GaussianBlur(layer, (0, 0), 1.5)
    picture += (layer - picture) * mask[..., None]


def cap(picture: Picture, points: Points, rng: np.random.Generator) -> None:
    """Draw a cap or a scarf that ends above the brows."""
    left, right = points49.eye_centres(points)
    eye, top = float(np.linalg.norm(right - left)), (left + right) / 2
    up = np.array([right[1] - left[1], left[0] - right[0]]) / eye
    side = (right - left) / eye
    low = rng.uniform(0.62, 0.95)
    outline = [
        top + eye * (x * side + (low + 0.12 * np.cos(1.2 * x)) * up)
        for x in np.linspace(-1.35, 1.35, 15)
    ]
    outline += [
        top + eye * (x * side + (low + 1.6 - 0.3 * x * x) * up)
        for x in np.linspace(1.35, -1.35, 15)
    ]
    colour = [float(c) for c in rng.uniform(0.05, 0.9, 3)]
    fixed = np.round(np.array(outline) * 2**FRACTION).astype(np.int32)
    cv2.fillPoly(picture, [fixed], colour, cv2.LINE_AA, FRACTION)
    _stroke(picture, outline[:15], [0.6 * c for c in colour], max(1, round(eye * 0.06)))


def _stroke(
    picture: np.ndarray, line: list[np.ndarray], colour: list[float] | float, width: int
) -> None:
    fixed = np.round(np.array(line) * 2**FRACTION).astype(np.int32)
    cv2.polylines(
        picture,
        [fixed],
        False,
        colour,  # pyright: ignore[reportArgumentType, reportCallIssue]
        width,
        cv2.LINE_AA,
        FRACTION,
    )


def _pair(values: np.ndarray | tuple[float, float]) -> tuple[float, float]:
    return float(values[0]), float(values[1])


def _fixed(pair: tuple[float, float]) -> tuple[int, int]:
    return round(pair[0] * 2**FRACTION), round(pair[1] * 2**FRACTION)
