"""Apply the faults of cameras and files: blur, noise, exposure, compression."""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

Picture = Float[np.ndarray, "h w 3"]


def good(picture: Picture, rng: np.random.Generator) -> UInt8[np.ndarray, "h w 3"]:
    """Apply a studio camera, with hardly any noise."""
    sharp = cv2.GaussianBlur(picture, (0, 0), 0.6)
    return _finish(sharp + 0.008 * _normal(rng, (*sharp.shape[:2], 1)))


def poor(picture: Picture, rng: np.random.Generator) -> UInt8[np.ndarray, "h w 3"]:
    """Apply a poor camera: exposure, blur, few pixels, noise, compression."""
    exposure, gamma = rng.uniform(0.85, 1.15), rng.uniform(0.8, 1.15)
    balance = rng.uniform(0.93, 1.07, 3).astype(np.float32)
    tone = cv2.pow((picture * exposure * balance).clip(0, 1), gamma)
    grey = tone.mean(axis=2, keepdims=True)
    tone = grey + (tone - grey) * (0 if rng.random() < 0.08 else rng.uniform(0.6, 1.2))
    if rng.random() < 0.2:
        tone = cv2.filter2D(tone, -1, _motion(rng))
    tone = cv2.GaussianBlur(tone, (0, 0), rng.uniform(0.5, 1.1))
    size = tone.shape[0]
    if rng.random() < 0.3:
        few = int(size * rng.uniform(0.6, 0.9))
        small = cv2.resize(tone, (few, few), interpolation=cv2.INTER_AREA)
        tone = cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR)
    tone = tone + rng.uniform(0, 0.025) * _normal(rng, tone.shape)
    quality = int(rng.integers(40, 90))
    _, data = cv2.imencode(".jpg", _finish(tone), [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(decoded, np.uint8)


def _normal(
    rng: np.random.Generator, shape: tuple[int, ...]
) -> Float[np.ndarray, "h w _"]:
    return rng.standard_normal(shape, np.float32)


def _motion(rng: np.random.Generator) -> Float[np.ndarray, "9 9"]:
    """Draw the kernel of a motion blur."""
    kernel = np.zeros((9, 9), np.float32)
    angle, length = rng.uniform(0, np.pi), rng.uniform(1, 4)
    step = np.array([np.cos(angle), np.sin(angle)]) * length
    start, end = (np.round(4 + way * step).astype(int) for way in (-1, 1))
    cv2.line(kernel, (int(start[0]), int(start[1])), (int(end[0]), int(end[1])), 1.0, 1)
    return kernel / kernel.sum()


def _finish(picture: Picture) -> UInt8[np.ndarray, "h w 3"]:
    return (picture.clip(0, 1) * 255 + 0.5).astype(np.uint8)
