"""The picture of a row: a file of its own, or a frame of a video."""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from au_jax.media.images import UnusableImage, read_image
from au_jax.raw.row import Row


class ImageReader:
    """Reads pictures; frames of one video are quick in ascending order.

    Frames are counted from the start of the video, never sought by time: in many files
    seeking lands on a neighbour, and every label after it would be shifted.
    """

    def __init__(self, raw: Path):
        self._raw = raw
        self._video, self._capture, self._next = "", cv2.VideoCapture(), 1

    def read(self, row: Row) -> UInt8[np.ndarray, "h w 3"]:
        """The row's picture as RGB, 0..255.

        Raises:
            UnusableImage: missing or unreadable, or the video ends before the frame.
        """
        if not row.video:
            return read_image(self._raw / row.path)
        if row.video != self._video or row.frame < self._next:
            if not (self._raw / row.video).is_file():
                raise UnusableImage("missing", "no such video")
            self._video, self._next = row.video, 1
            self._capture.open(str(self._raw / row.video))
        if not self._capture.isOpened():
            raise UnusableImage("unreadable", "not a video that OpenCV can decode")
        while self._next < row.frame:
            if not self._capture.grab():
                raise self._end()
            self._next += 1
        decoded, image = self._capture.read()
        if not decoded:
            raise self._end()
        self._next += 1
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)

    def _end(self) -> UnusableImage:
        detail = f"the video ends after {self._next - 1} frames"
        return UnusableImage("no_image", detail)
