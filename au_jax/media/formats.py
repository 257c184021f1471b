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


def is_apple_double(name: str | PurePath) -> bool:
    """Return whether macOS made a file such as `._a.jpg`, with attributes of `a.jpg`.

    It puts one beside every file on the disks and in the archives of other systems.
    """
    return PurePath(name).name.startswith("._")


def is_picture(name: str | PurePath) -> bool:
    """Return whether a file is named like a picture."""
    return _suffix(name) in PICTURES


def is_video(name: str | PurePath) -> bool:
    """Return whether a file is named like a video."""
    return _suffix(name) in VIDEOS


def _suffix(name: str | PurePath) -> str:
    return "" if is_apple_double(name) else PurePath(name).suffix.lower()
