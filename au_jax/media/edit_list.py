"""How long an MP4 or MOV file is shown, which may be less than it holds.

Telephones and `ffmpeg -c copy` trim a video by an edit list: all frames stay in the
file, and a part of them is shown. OpenCV decodes that part, but counts all frames.
"""

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from au_jax.runtime.files import open_regular

_MOST_BOXES = 1 << 16
_MOST_BYTES = 1 << 16  # of a box that is read

Span = tuple[int, int]
"""The places of the first byte of a box, and of the first one behind it."""


def shown_seconds(file: Path) -> float:
    """Return how long the first video track is shown; infinity if no edit list says."""
    try:
        with open_regular(file) as stream:
            return _shown_seconds(stream)
    except (OSError, struct.error, StopIteration):
        return math.inf


def _shown_seconds(stream: BinaryIO) -> float:
    movie = next(_inside(stream, (0, stream.seek(0, 2)), "moov"))
    header = _content(stream, next(_inside(stream, movie, "mvhd")))
    (scale,) = struct.unpack_from(">I", header, 20 if header[:1] == b"\1" else 12)
    for track in _inside(stream, movie, "trak"):
        handler = _content(stream, next(_inside(stream, track, "mdia", "hdlr")))
        if handler[8:12] == b"vide":
            edits = _content(stream, next(_inside(stream, track, "edts", "elst")))
            entry = struct.Struct(">QqI" if edits[:1] == b"\1" else ">IiI")
            whole = len(edits[8:]) // entry.size * entry.size
            # A start of -1 only delays the track, and its time stamps begin after it.
            shown = [
                time
                for time, start, _ in entry.iter_unpack(edits[8 : 8 + whole])
                if start != -1
            ]
            # Fragmented files state 0: the duration is not known.
            return sum(shown) / scale if scale and sum(shown) else math.inf
    return math.inf


def _inside(stream: BinaryIO, span: Span, kind: str, *kinds: str) -> Iterator[Span]:
    """Yield the content of each box of a kind, and further in, of further kinds."""
    at, end = span
    for _ in range(_MOST_BOXES):
        if at + 8 > end:
            return
        stream.seek(at)
        size, name = struct.unpack(">I4s", stream.read(8))
        first = at + 8
        if size == 1:  # a large box
            (size,) = struct.unpack(">Q", stream.read(8))
            first += 8
        at = at + size if size else end
        if not first <= at <= end:  # the file ends inside
            return
        if name == kind.encode():
            inner = (first, at)
            yield from _inside(stream, inner, *kinds) if kinds else [inner]


def _content(stream: BinaryIO, span: Span) -> bytes:
    first, end = span
    stream.seek(first)
    return stream.read(min(end - first, _MOST_BYTES))
