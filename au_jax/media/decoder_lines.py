"""Hold back the lines that libjpeg and libpng print while they decode a picture.

They name no file, and the reader says what is wrong with the picture anyway. Both
libraries write to descriptor 2, and OpenCV has no switch for it. What other threads
write there meanwhile appears when the picture is decoded.
"""

import contextlib
import fcntl
import functools
import os
import threading
from collections.abc import Iterator

_OF_DECODERS = (
    *(b"Corrupt JPEG data", b"Premature end of JPEG", b"Inconsistent progression"),
    *(b"Invalid SOS", b"Invalid component ID", b"Unknown Adobe", b"Unsupported marker"),
    *(b"Warning: unknown JFIF", b"Application transferred", b"libpng "),
)

_LARGE = 1 << 20  # bytes

_lock = threading.Lock()
_decoding = 0
"""Threads that are decoding; the first diverts descriptor 2, the last restores it."""
_stderr = -1
"""A copy of descriptor 2 while it is diverted."""
_forwarded = 0
"""Bytes of the file in memory that were read."""


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Print nothing of what decoders write to descriptor 2 while the block runs."""
    global _decoding, _stderr
    with _lock:
        if _decoding == 0:
            # Without effect if descriptor 2 is closed, or the system is not Linux.
            with contextlib.suppress(OSError, AttributeError):
                file = _file()
                _stderr = os.dup(2)
                os.dup2(file, 2)
        _decoding += 1
    try:
        yield
    finally:
        with _lock:
            _decoding -= 1
            last = _decoding == 0
            if _stderr >= 0:
                if last:
                    os.dup2(_stderr, 2)
                _forward(last)
                if last:
                    os.close(_stderr)
                    _stderr = -1


@functools.cache
def _file() -> int:
    """Return the descriptor of a file in memory, to which descriptor 2 is diverted."""
    file = os.memfd_create("stderr")
    fcntl.fcntl(file, fcntl.F_SETFL, os.O_APPEND)
    return file


def _forward(last: bool) -> None:
    """Copy what others than decoders wrote to stderr.

    A write that began before descriptor 2 was restored may end after this; the next
    call copies it. So the file is emptied only when it is large. A write that crosses
    a page of the file can be seen in part, so a beginning that may be a decoder's waits
    for its end.

    Args:
        last: Nobody decodes any more, so all lines of decoders are complete.
    """
    global _forwarded
    file = _file()
    size = os.fstat(file).st_size
    text = os.pread(file, size - _forwarded, _forwarded)
    lines, waiting = text.splitlines(keepends=True), b""
    if lines and not last and _may_go_on(lines[-1]):
        waiting = lines.pop()
    _forwarded = size - len(waiting)
    others = b"".join(x for x in lines if not x.startswith(_OF_DECODERS))
    # A full disk or an ended reader of stderr must not cost the picture.
    with contextlib.suppress(OSError):
        if others:
            os.write(_stderr, others)
    if size > _LARGE and not waiting:
        os.ftruncate(file, 0)
        _forwarded = 0


def _may_go_on(line: bytes) -> bool:
    """Return whether this may be the beginning of a decoder's line."""
    whole = line.endswith(b"\n")
    return not whole and any(
        line.startswith(known) or known.startswith(line) for known in _OF_DECODERS
    )
