"""Read the picture of a row: a file, or a frame of a video."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from au_jax.media.images import UnusableImage, read_image
from au_jax.media.videos import Video
from au_jax.raw.row import Row

LOST = "lost_frames"
"""The reason of a reject: the video has fewer frames than it states."""


class ImageReader:
    """Reads pictures; frames of one video are read fastest in ascending order."""

    def __init__(self, raw: Path):
        self._raw = raw
        self._name = ""
        self._video: Video | None = None

    def read(self, row: Row) -> UInt8[np.ndarray, "h w 3"]:
        """Read the picture of a row as RGB, 0..255.

        Raises:
            UnusableImage: it is missing or unreadable, or the video has fewer frames.
        """
        if not row.video:
            return read_image(self._raw / row.path)
        video = self._open(row)
        while video.next < row.frame:  # rows count frames from 1
            if not video.advance():
                raise _end(video)
        image = video.decode()
        if image is None:
            raise _end(video)
        return image

    def _open(self, row: Row) -> Video:
        """Return the video of a row at the frame of the row or before it."""
        if self._video and row.video == self._name and self._video.next < row.frame:
            return self._video
        path = self._raw / row.video
        if not path.is_file():
            raise UnusableImage("missing", "no such video")
        if self._video:
            self._video.close()
        self._name, self._video = row.video, None
        self._video = Video(path)
        return self._video


def _end(video: Video) -> UnusableImage:
    """Return why there is no further frame.

    Decoders silently leave out damaged frames, and all later frames move up. Only the
    number of frames tells: OpenCV derives the time stamps from it.
    """
    seen, stated = video.next, video.num_frames
    if seen < stated:
        detail = (
            f"the video ends after {seen} of {stated} frames; if they are lost before"
            " its end, the labels of those behind them are shifted"
        )
        return UnusableImage(LOST, detail)
    return UnusableImage("no_image", f"the video ends after {seen} frames")
