"""Read the frames of a video or camera in order.

Frames are counted from the start and never sought: in many files seeking lands on a
neighbouring frame, and every label after it would be shifted.
"""

import os
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from au_jax.media.images import UnusableImage
from au_jax.runtime.files import open_regular, plain_path

# A container of another format, such as a playlist, would open files that it names.
os.environ.setdefault(
    "OPENCV_FFMPEG_CAPTURE_OPTIONS",
    "protocol_whitelist;file|format_whitelist;"
    "asf,avi,flv,h264,hevc,m4v,matroska,mov,mpeg,mpegts,mpegvideo",
)


class Video:
    """An open video or camera, and the number of its next frame."""

    def __init__(self, source: Path | int):
        """Open a video file, or the camera of this number.

        Raises:
            UnusableImage: it cannot be opened.
        """
        self._capture = _capture(source)
        self.next = 0
        """The number of the next frame, from 0."""
        if not self._capture.isOpened():
            raise UnusableImage("unreadable", "not a video that OpenCV can decode")

    @property
    def rate(self) -> float:
        """Frames per second as the file states them; 0 if it does not."""
        return self._capture.get(cv2.CAP_PROP_FPS)

    @property
    def num_frames(self) -> int:
        """The number of frames as the file states it, which may be wrong."""
        return round(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))

    @property
    def seconds(self) -> float:
        """The time stamp of the frame that `advance` reached, as the file states it."""
        return self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000

    def advance(self) -> bool:
        """Go to the next frame without decoding it; return False at the end."""
        if not self._capture.grab():
            return False
        self.next += 1
        return True

    def decode(self) -> UInt8[np.ndarray, "h w 3"] | None:
        """Decode the frame that `advance` reached as RGB; return None if damaged."""
        decoded, image = self._capture.retrieve()
        if not decoded:
            return None
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)

    def close(self) -> None:
        """Release the file or camera."""
        self._capture.release()


def _capture(source: Path | int) -> cv2.VideoCapture:
    """Open a camera, or a regular file whose name nobody takes for a URL or pattern."""
    if isinstance(source, int):
        return cv2.VideoCapture(source)
    try:
        open_regular(source).close()
        with plain_path(source) as plain:
            return cv2.VideoCapture(f"file:{plain}", cv2.CAP_FFMPEG)
    except OSError as error:
        raise UnusableImage("unreadable", error.strerror or str(error)) from None
