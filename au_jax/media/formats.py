"""Which files are pictures and which are videos, by the suffix of their name."""

from pathlib import PurePath

PICTURES = frozenset(
    (".bmp", ".dib", ".gif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png",
     ".pnm", ".ppm", ".tif", ".tiff", ".webp")
)  # fmt: skip
"""Formats of photographs that OpenCV decodes; of a GIF, it decodes the first frame."""

VIDEOS = frozenset(
    (".3gp", ".asf", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg",
     ".mpg", ".mts", ".ts", ".webm", ".wmv")
)  # fmt: skip
"""Containers that OpenCV's FFmpeg opens."""


def is_picture(name: str | PurePath) -> bool:
    """Return whether a file name ends like a picture's."""
    return PurePath(name).suffix.lower() in PICTURES


def is_video(name: str | PurePath) -> bool:
    """Return whether a file name ends like a video's."""
    return PurePath(name).suffix.lower() in VIDEOS
