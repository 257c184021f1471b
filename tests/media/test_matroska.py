"""Expected: the answer for bytes that were written by hand, by the specification."""

import pytest

from au_jax.media.matroska import is_whole_with_sound

HEADER = bytes.fromhex("1a45dfa3 80")


def element(number, content):
    return bytes.fromhex(number) + bytes([0x80 | len(content)]) + content


def file_of(*kinds, before=b"", unknown=False):
    tracks = b"".join(element("ae", element("83", bytes([kind]))) for kind in kinds)
    segment = element("18538067", before + element("1654ae6b", tracks))
    if unknown:
        segment = segment[:4] + b"\xff" + segment[5:]
    return HEADER + segment


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (file_of(1, 2), True),
        (file_of(1), False),
        (file_of(1, 17), False),  # subtitles
        (file_of(1, 2, before=element("ec", b"\1\2\3")), True),
        (file_of(1, 2, before=element("1f43b675", b"")), False),
        (file_of(1, 2, unknown=True), False),
        (file_of(1, 2)[:-1], False),
        (file_of(1, 2)[:12], False),
        (HEADER, False),
        (b"", False),
        (bytes(100), False),
        (b"RIFF" * 9, False),
    ],
)
def test_a_whole_file_with_sound(tmp_path, data, expected):
    (tmp_path / "a.mkv").write_bytes(data)
    assert is_whole_with_sound(tmp_path / "a.mkv") == expected
    assert not is_whole_with_sound(tmp_path / "none.mkv")
