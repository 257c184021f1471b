"""Degrade images as poor cameras and files do.

A laboratory has one good camera; pictures in the wild are dark, small, noisy and
compressed. What a detector learns from such details of the laboratory is lost there.
Training degrades images at random; `eval --degraded` shows what each fault costs.
"""

from collections.abc import Callable

import cv2
import numpy as np
from jaxtyping import UInt8

Image = UInt8[np.ndarray, "h w 3"]
Change = Callable[[Image, np.random.Generator], Image]
"""Takes an RGB image, and draws what is random."""

# What training draws; the functions below have the units.
GAMMA = (0.7, 1.4)
RESOLUTION = (0.25, 1.0)
NOISE = (0.0, 12.0)
QUALITY = (15, 90)


def degrade(image: Image, rng: np.random.Generator) -> Image:
    """Return an image with each fault with probability .5, at a random strength."""
    light, small, noisy, compressed = rng.random(4) < 0.5
    if light:
        image = relight(image, rng.uniform(*GAMMA))
    if small:
        image = shrink(image, float(np.exp(rng.uniform(*np.log(RESOLUTION)))))
    if noisy:
        image = add_noise(image, rng, rng.uniform(*NOISE))
    if compressed:
        image = compress(image, int(rng.integers(*QUALITY, endpoint=True)))
    return image


def relight(image: Image, gamma: float) -> Image:
    """Return a darker image, or with a gamma below 1 a brighter one."""
    table = (255 * (np.arange(256) / 255) ** gamma + 0.5).astype(np.uint8)
    return table[image]


def shrink(image: Image, share: float) -> Image:
    """Keep a share of the pixels along each side, and enlarge what is left."""
    height, width = image.shape[:2]
    few = max(1, round(width * share)), max(1, round(height * share))
    small = cv2.resize(image, few, interpolation=cv2.INTER_AREA)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, np.uint8)


def add_noise(image: Image, rng: np.random.Generator, deviation: float) -> Image:
    """Add normal noise, whose standard deviation is in grey levels of 0..255."""
    noise = deviation * rng.standard_normal(image.shape, np.float32)
    return (image + noise + 0.5).clip(0, 255).astype(np.uint8)


def compress(image: Image, quality: int) -> Image:
    """Store an image as a JPEG of a quality from 0 to 100, and read it again."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
    assert decoded is not None
    return np.asarray(decoded, np.uint8)
