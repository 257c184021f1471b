"""Whether the sound of a Matroska or WebM file may go on after its last picture.

Such a file states one duration, that of the longest track. OpenCV makes a number of
frames of it, as if all of it were pictures.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from au_jax.runtime.files import open_regular

_SEGMENT, _CLUSTER, _TRACKS = 0x18538067, 0x1F43B675, 0x1654AE6B
_TRACK, _TRACK_TYPE = 0xAE, 0x83
_SOUND = 2
_MOST = 1000  # elements of one level


def is_whole_with_sound(file: Path) -> bool:
    """Return whether a file is Matroska, has all its bytes, and a track of sound."""
    try:
        with open_regular(file) as stream:
            size = stream.seek(0, os.SEEK_END)
            for number, first, end in _elements(stream, 0, size):
                if number == _SEGMENT:
                    return end <= size and _has_sound(stream, first, end)
    except (OSError, EOFError):
        pass
    return False


def _has_sound(stream: BinaryIO, first: int, end: int) -> bool:
    for number, start, stop in _elements(stream, first, end):
        if number == _CLUSTER:  # pictures and sound; the tracks come before them
            return False
        tracks = _elements(stream, start, stop) if number == _TRACKS else ()
        for inner, at, to in tracks:
            kinds = _elements(stream, at, to) if inner == _TRACK else ()
            for name, value, behind in kinds:
                stream.seek(value)
                # The content is one number, of up to 8 bytes.
                if name == _TRACK_TYPE and behind - value <= 8:
                    content = stream.read(behind - value)
                    if int.from_bytes(content, "big") == _SOUND:
                        return True
    return False


def _elements(stream: BinaryIO, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield the number of each element, and where its content begins and ends."""
    for _ in range(_MOST):
        if at >= end:
            return
        stream.seek(at)
        number, _ = _read_number(stream)
        marked, bits = _read_number(stream)
        size = marked - (1 << bits)
        first = stream.tell()
        # A size of ones alone is not known; then the file may end anywhere.
        at = first + size if size < (1 << bits) - 1 else 1 << 62
        yield number, first, at


def _read_number(stream: BinaryIO) -> tuple[int, int]:
    """Read a number with the mark of its length; return it, and its bits."""
    start = stream.read(1)
    if not start or not start[0]:
        raise EOFError
    length = 9 - start[0].bit_length()
    rest = stream.read(length - 1)
    if len(rest) < length - 1:
        raise EOFError
    return int.from_bytes(start + rest, "big"), 7 * length
