"""Expected: the encoded array; exactly for lossless formats, nearly for JPEG."""

import base64
import contextlib
import os
import resource
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from au_jax.media.images import UnusableImage, decode_image, is_truncated, read_image
from tests.raw_trees import picture

BGR = picture(3)
RGB = BGR[..., ::-1]


def encoded(kind: str, image: np.ndarray = BGR, *options: int) -> bytes:
    return cv2.imencode(kind, image, options)[1].tobytes()


def exif(orientation: int, thumbnail: bytes = b"") -> bytes:
    """Return an APP1 segment with the orientation, followed by a thumbnail."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    body = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + entry + bytes(4) + thumbnail
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


@pytest.mark.parametrize("kind", [".png", ".bmp", ".tiff", ".webp"])
def test_lossless_kinds(kind):
    options = [cv2.IMWRITE_WEBP_QUALITY, 101] if kind == ".webp" else []
    np.testing.assert_array_equal(decode_image(encoded(kind, BGR, *options)), RGB)


def test_jpeg():
    error = decode_image(encoded(".jpg")).astype(int) - RGB
    assert np.abs(error).mean() < 3


def test_grey_gets_three_channels():
    grey = BGR[..., 0]
    image = decode_image(encoded(".png", grey))
    np.testing.assert_array_equal(image, np.stack([grey] * 3, axis=-1))
    assert decode_image(encoded(".jpg", grey)).shape == (*grey.shape, 3)


def test_sixteen_bits_become_eight():
    image = decode_image(encoded(".png", BGR.astype(np.uint16) * 257))
    np.testing.assert_array_equal(image, RGB)


def test_alpha_is_dropped():
    alpha = np.full((*BGR.shape[:2], 1), 7, np.uint8)
    image = decode_image(encoded(".png", np.concatenate([BGR, alpha], axis=-1)))
    np.testing.assert_array_equal(image, RGB)


CMYK_JPEG = """
/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAQCwwODAoQDg0OEhEQExgoGhgWFhgxIyUdKDozPTw5Mzg3QEhcTkBEV0U3
OFBtUVdfYmdoZz5NcXlwZHhcZWdj/8AAFAgAEAAQBEMRAE0RAFkRAEsRAP/EABYAAQEBAAAAAAAAAAAAAAAAAAAG
B//EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAOBEMATQBZAEsAAD8ApE6jmgAAAAP/2Q==
"""  # 16 x 16 pixels of RGB 200, 60, 30, written by Pillow


def test_cmyk_becomes_rgb():
    image = decode_image(base64.b64decode(CMYK_JPEG))
    assert image.shape == (16, 16, 3)
    np.testing.assert_allclose(image.reshape(-1, 3), [[200, 60, 30]] * 256, atol=4)


def test_exif_turns_the_picture_upright():
    data = encoded(".jpg")
    turned = decode_image(data[:2] + exif(6) + data[2:])  # 6: turn right by 90 degrees
    np.testing.assert_array_equal(turned, np.rot90(decode_image(data), -1))


@pytest.mark.parametrize("progressive", [0, 1])
def test_a_cut_jpeg_is_truncated_wherever_it_is_cut(progressive):
    data = encoded(".jpg", BGR, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive)
    data = data[:2] + exif(1, thumbnail=data) + data[2:]  # with an end marker inside
    decode_image(data)
    for length in range(2, len(data) - 1, 97):
        with pytest.raises(UnusableImage) as error:
            decode_image(data[:length])
        assert error.value.reason == "truncated"


def test_a_whole_jpeg_is_never_truncated():
    # Some of these have markers and stuffed bytes anywhere before the end.
    for seed in range(300):
        data = encoded(".jpg", picture(seed, 30, 30))
        assert not is_truncated(data)
        assert is_truncated(data[:-1])


@pytest.mark.parametrize(
    "end", [b"\xff\x00", b"\xff\x00a", b"ab", b"\xff", b"\xff\xd0"]
)
def test_an_end_marker_after_any_bytes(end):
    start = encoded(".jpg")[:-40]
    assert is_truncated(start + end)
    assert not is_truncated(start + end + b"\xff\xd9")


def test_a_jpeg_filled_up_with_zeros_is_truncated():
    data = encoded(".jpg")
    with pytest.raises(UnusableImage, match="truncated"):
        decode_image(data[: len(data) // 2] + bytes(len(data) // 2))


@pytest.mark.parametrize("option", [(), (cv2.IMWRITE_JPEG_RST_INTERVAL, 2)])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_cut_jpeg_with_an_end_marker_is_truncated(option, orientation):
    data = encoded(".jpg", picture(0, 90, 70), *option)
    data = data[:2] + exif(orientation) + data[2:]
    decode_image(data)
    for tenths in (3, 5, 7):
        with pytest.raises(UnusableImage, match="truncated"):
            decode_image(data[: len(data) * tenths // 10] + b"\xff\xd9")


def test_a_grey_edge_is_no_missing_part():
    grey = np.full((64, 64, 3), 128, np.uint8)
    half = grey.copy()
    half[:32] = picture(0, 32, 64)
    for image in (grey, half, half[::-1], half.swapaxes(0, 1)):
        for progressive in (0, 1):
            option = (cv2.IMWRITE_JPEG_PROGRESSIVE, progressive)
            data = encoded(".jpg", np.ascontiguousarray(image), *option)
            assert decode_image(data).shape == (64, 64, 3)


def test_a_cut_png_is_truncated():
    data = encoded(".png")
    with pytest.raises(UnusableImage, match="truncated"):
        decode_image(data[: len(data) // 2])


def test_what_follows_the_end_does_not_matter():
    data = encoded(".jpg")
    np.testing.assert_array_equal(decode_image(data + b"trailer"), decode_image(data))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"<html>404 Not Found</html>", "unreadable"),
        (b"\xff\xd8\xff\xd9", "unreadable"),
        (b"\xff\xd8", "truncated"),
        (b"BM" + bytes(60), "unreadable"),
    ],
)
def test_a_file_without_a_picture_is_refused(data, reason, tmp_path):
    file = tmp_path / "0001.jpg"
    file.write_bytes(data)
    with pytest.raises(UnusableImage) as error:
        read_image(file)
    assert error.value.reason == reason


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(UnusableImage, match="missing"):
        read_image(tmp_path / "0001.jpg")
    with pytest.raises(UnusableImage, match="unreadable"):
        read_image(tmp_path)


def png_of(width: int, height: int) -> bytes:
    """Return a black picture of any size in a few kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        end = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + end

    line = bytes(1 + (width + 7) // 8)
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(line) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_a_bomb_is_refused_before_it_is_decoded():
    assert decode_image(png_of(3000, 2000)).shape == (2000, 3000, 3)
    data = png_of(32_000, 32_000)
    assert len(data) < 200_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UnusableImage, match="too_large: more than 178,956,970 pixels"):
        decode_image(data)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 50_000  # KiB; the decoded picture has 3 GB


@pytest.mark.timeout(20)
def test_only_regular_files_of_bounded_size_are_read(tmp_path):
    pipe, link, sparse = (tmp_path / f"{name}.jpg" for name in ("pipe", "link", "big"))
    os.mkfifo(pipe)
    link.symlink_to("/dev/zero")
    with sparse.open("wb") as file:
        file.truncate(40 * 10**9)
    for path in (pipe, link):
        with pytest.raises(UnusableImage, match="unreadable: not a regular file"):
            read_image(path)
    with pytest.raises(UnusableImage, match="40,000 MB, and at most 537 MB are read"):
        read_image(sparse)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([".jpg", ".png", ".bmp", ".tiff", ".webp", ".ppm", ".gif"]),
    st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=4)), max_size=5),
    st.floats(0, 1),
)
def test_any_bytes_give_a_picture_or_a_reason(kind, changes, end):
    """Change bytes of a valid file anywhere, and cut it."""
    data = bytearray(encoded(kind))
    for place, new in changes:
        at = int(place * len(data))
        data[at : at + len(new)] = new
    with contextlib.suppress(UnusableImage):
        image = decode_image(bytes(data[: len(data) - int(end**8 * len(data))]))
        assert image.dtype == np.uint8
        assert image.ndim == 3
        assert image.shape[2] == 3
