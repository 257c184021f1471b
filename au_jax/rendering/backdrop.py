"""Draw what is behind the head: a plain wall, or a cluttered place."""

import cv2
import numpy as np
from jaxtyping import Float

Picture = Float[np.ndarray, "h w 3"]


def plain(rng: np.random.Generator, size: int) -> Picture:
    """Draw a wall of one light colour, a little darker to one side."""
    colour = np.array(rng.uniform(0.55, 0.85)) * rng.uniform(0.95, 1.05, 3)
    across = np.linspace(-1, 1, size, dtype=np.float32)
    shade = 1 + 0.04 * rng.normal() * across[None, :] + 0.04 * across[:, None]
    return (shade[..., None] * colour).astype(np.float32)


def cluttered(rng: np.random.Generator, size: int) -> Picture:
    """Draw noise at several scales with random shapes, more or less out of focus."""
    picture = np.zeros((size, size, 3), np.float32) + _colour(rng)
    for cells in (3, 8, 24, 80):
        small = rng.standard_normal((cells, cells, 1)) * 0.12 * _colour(rng)
        picture += cv2.resize(
            small.astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC
        )
    for _ in range(rng.integers(3, 25)):
        colour = [float(c) for c in _colour(rng)]
        x, y, w, h = (int(v) for v in rng.uniform(0, size, 4))
        kind, width = rng.integers(3), int(rng.integers(1, 8))
        if kind == 0:
            end = (x + w // 3, y + h // 3)
            cv2.rectangle(picture, (x, y), end, colour, -1 if width > 3 else width)
        elif kind == 1:
            cv2.circle(picture, (x, y), 2 + w // 8, colour, -1 if width > 3 else width)
        else:
            cv2.line(picture, (x, y), (w, h), colour, width, cv2.LINE_AA)
    blur = rng.uniform(1, 6)
    return cv2.GaussianBlur(picture, (0, 0), blur).clip(0, 1).astype(np.float32)


def _colour(rng: np.random.Generator) -> Float[np.ndarray, "3"]:
    """Draw a colour, usually a dull one."""
    colour = rng.uniform(0.1, 0.9, 3)
    return colour.mean() + (colour - colour.mean()) * rng.uniform(0, 1) ** 2
