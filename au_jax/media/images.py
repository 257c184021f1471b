"""Read picture files of any format as RGB, or say why they cannot be used."""

import os
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from au_jax.media import decoder_lines
from au_jax.runtime.files import read_regular

MAX_BYTES = 1 << 29
"""The largest picture file that is read."""


class UnusableImage(Exception):
    """A picture that cannot be used: `reason` is one word, `detail` a phrase."""

    def __init__(self, reason: str, detail: str = ""):
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason, self.detail = reason, detail


def read_image(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """Read a picture as RGB, 0..255, rotated as its EXIF orientation says.

    Grey pictures get three equal channels, 16 bits become 8, alpha is dropped.

    Raises:
        UnusableImage: the file is missing, no regular file, empty, truncated,
            unreadable or too large.
    """
    try:
        data = read_regular(path, MAX_BYTES)
    except FileNotFoundError:
        raise UnusableImage("missing", "no such file") from None
    except OSError as error:
        raise UnusableImage("unreadable", error.strerror or str(error)) from None
    return decode_image(data)


def decode_image(data: bytes) -> UInt8[np.ndarray, "h w 3"]:
    """Decode the bytes of a picture file; see `read_image`."""
    if not data:
        raise UnusableImage("empty", "zero bytes")
    # OpenCV may decode the first part of a truncated file and leave the rest grey.
    if is_truncated(data):
        raise UnusableImage("truncated", f"ends after {len(data)} bytes")
    try:
        image = _decode(data)
        cut = image is not None and _is_cut(data, image)
    except cv2.error as error:
        if "CV_IO_MAX_IMAGE" in error.err:
            most = f"{int(os.environ['OPENCV_IO_MAX_IMAGE_PIXELS']):,}"
            raise UnusableImage("too_large", f"more than {most} pixels") from None
        raise UnusableImage("unreadable", f"OpenCV: {error.err}") from None
    except MemoryError:
        raise UnusableImage("too_large", "out of memory") from None
    if image is None:
        raise UnusableImage("unreadable", "not a picture that OpenCV can decode")
    if cut:
        raise UnusableImage("truncated", "an end marker follows a part of the picture")
    return image


def _decode(data: bytes) -> UInt8[np.ndarray, "h w 3"] | None:
    with decoder_lines.held_back():
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)


def _is_cut(data: bytes, image: UInt8[np.ndarray, "h w 3"]) -> bool:
    """Return whether a part of a JPEG is missing in front of its end marker.

    libjpeg fills such a part with grey. A grey edge can also be in the picture: then,
    more bytes in front of the marker change nothing. Of a progressive JPEG, this finds
    a missing part only if nothing is known of it; otherwise the picture is whole, but
    of less detail.
    """
    edges = (image[0], image[-1], image[:, 0], image[:, -1])  # EXIF may turn the last
    if not data.startswith(b"\xff\xd8") or not any((e == 128).all() for e in edges):
        return False
    end = _jpeg_end(data)
    noise = np.random.default_rng(0).integers(0, 255, 512, np.uint8).tobytes()
    other = _decode(data[:end] + noise + data[end:])
    return other is None or not np.array_equal(image, other)


def is_truncated(data: bytes) -> bool:
    """Return whether a JPEG lacks its end-of-image marker, or a PNG its end chunk.

    The decoder itself refuses truncated files of other formats.
    """
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return b"IEND" not in data[-4096:] and b"IEND" not in data
    return data.startswith(b"\xff\xd8") and _jpeg_end(data) < 0


def _jpeg_end(data: bytes) -> int:
    """Return the place of a JPEG's end marker, or -1 if it has none.

    The segments are walked one by one, because an embedded thumbnail has an end marker,
    too.
    """
    at = 2
    while at + 2 <= len(data):
        if data[at] != 0xFF:  # inside a scan, or garbage between segments
            at = data.find(b"\xff", at)
            if at < 0:
                return -1
            continue
        marker = data[at + 1]
        if marker == 0xD9:
            return at
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker == 0x00 or marker == 0x01 or 0xD0 <= marker <= 0xD8:
            at += 2  # a stuffed byte or a marker without a length
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return -1
