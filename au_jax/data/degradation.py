"""Degrade training images as poor cameras and files do.

A laboratory has one good camera; pictures in the wild are dark, small, noisy and
compressed. What a detector learns from such details of the laboratory is lost there.
"""

import cv2
import numpy as np
from jaxtyping import UInt8

Image = UInt8[np.ndarray, "h w 3"]

GAMMA = (0.7, 1.4)
RESOLUTION = (0.25, 1.0)
"""Pixels that are left along a side, as a share."""
NOISE = (0.0, 12.0)
"""The standard deviation, of 255."""
QUALITY = (15, 90)
"""JPEG's, of 100."""


def degrade(image: Image, rng: np.random.Generator) -> Image:
    """Return an image with each fault with probability .5: light, size, noise, JPEG.

    Args:
        image: RGB.
        rng: Draws which faults there are, and how strong they are.
    """
    light, small, noisy, compressed = rng.random(4) < 0.5
    if light:
        image = _relit(image, rng.uniform(*GAMMA))
    if small:
        image = _blurred(image, np.exp(rng.uniform(*np.log(RESOLUTION))))
    if noisy:
        noise = rng.standard_normal(image.shape, np.float32) * rng.uniform(*NOISE)
        image = (image + noise + 0.5).clip(0, 255).astype(np.uint8)
    if compressed:
        image = _compressed(image, int(rng.integers(*QUALITY, endpoint=True)))
    return image


def _relit(image: Image, gamma: float) -> Image:
    table = (255 * (np.arange(256) / 255) ** gamma + 0.5).astype(np.uint8)
    return table[image]


def _blurred(image: Image, share: float) -> Image:
    """Take an image with fewer pixels, and enlarge it again."""
    height, width = image.shape[:2]
    few = max(1, round(width * share)), max(1, round(height * share))
    small = cv2.resize(image, few, interpolation=cv2.INTER_AREA)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, np.uint8)


def _compressed(image: Image, quality: int) -> Image:
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
    assert decoded is not None
    return np.asarray(decoded, np.uint8)
