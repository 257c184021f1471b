"""Files that claim to be huge, read under a hard limit of memory.

Expected: the reason or the line of each reader, and no MemoryError. The limit, on the
address space of a program of its own, is what it has after its imports and 1.5 GB.
"""

import os
import pathlib
import struct
import subprocess
import sys
import zipfile
import zlib

import pytest

ROOT = pathlib.Path(__file__).parents[1]

PROGRAM = """
import pathlib, resource, sys
import numpy as np
from au_jax.data import split
from au_jax.errors import UserError
from au_jax.faces import detect
from au_jax.media import images, videos
from au_jax.model_file import file as model_file
from au_jax.raw import emotionet_labels, folder_table, landmark_file

detect.make_finder()
words = pathlib.Path("/proc/self/statm").read_text().split()
limit = int(words[0]) * resource.getpagesize() + 1_500_000_000
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

def spreadsheet(path):
    name = pathlib.PurePosixPath(path.name)
    usable, rejects = emotionet_labels.tables(path.parent, name)
    raise UserError(rejects[0].detail if rejects else "usable")

READ = {
    ".mp4": videos.Video,
    ".csv": lambda path: list(folder_table.entries(path)),
    ".txt": lambda path: landmark_file.open_landmarks(path, 0),
    ".xlsx": spreadsheet,
    ".aujax": model_file.load,
    "": lambda path: split.open_split(path, "lab", "train", (1,)),
}
for name in sys.argv[1:]:
    path = pathlib.Path(name)
    try:
        result = READ.get(path.suffix, images.read_image)(path)
        message = f"read: {type(result).__name__}"
    except (UserError, images.UnusableImage) as error:
        message = str(error)
    print(f"{path.name}\\t{message}", flush=True)
"""


def chunk(kind, data):
    crc = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + crc


def png(width, height):
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(1 << 16))
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def bmp(width, height):
    head = struct.pack("<2sIHHI", b"BM", 1 << 20, 0, 0, 54)
    return head + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, *[0] * 6)


def tiff(width, height):
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1)]
    tags += [(262, 3, 1, 1), (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, height)]
    tags += [(279, 4, 1, width * height % 2**32)]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4)


PICTURES = {
    "huge.png": png(60_000, 60_000),
    "flat.png": png(1_000_000, 170),
    "wide.png": png(2**31 - 1, 1),
    "huge.bmp": bmp(60_000, 60_000),
    "endless.bmp": bmp(2**31 - 1, 2**31 - 1),
    "huge.tif": tiff(60_000, 60_000),
    "huge.ppm": b"P6\n60000 60000\n255\n" + bytes(100),
    "huge.pgm": b"P5\n2147483647 2147483647\n255\n" + bytes(100),
    "flat.webp": b"RIFF\xff\xff\xff\x7fWEBPVP8L\xff\xff\xff\x7f/\xff\xff\xff\xff" * 2,
    "flat.gif": b"GIF89a\xff\xff\xff\xff\xf7\x00\x00" + bytes(900),
    "huge.hdr": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 60000 +X 60000\n"
    + bytes(99),
}

EXPECTED = {
    "bomb.xlsx": "it unpacks to 734 MB",
    "card.aujax": "it is compressed",
    "prepared": "42,950 MB, and at most 17 MB are read",
    "sparse.txt": "its lines do not end in LF",
    **dict.fromkeys(("sparse.csv", "sparse.jpg", "sparse.xlsx"), "42,950 MB, and at"),
    **dict.fromkeys(("sparse.mp4", "sparse.aujax"), "not a"),
    # The decoders themselves refuse these.
    **dict.fromkeys(("flat.gif", "flat.png", "flat.webp", "wide.png"), "not a picture"),
}
"""What the message of a file says; too many pixels by default."""


def write_zip(path, name, megabytes, *others):
    """Write an archive of blanks, packed to a thousandth, and of other, empty files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open(name, "w", force_zip64=True) as member:
            for _ in range(megabytes):
                member.write(b" " * (1 << 20))
        for other in others:
            archive.writestr(other, b"")


def write_bombs(folder):
    """Write a file of each kind, or a small one whose content claims to be huge."""
    for name, data in PICTURES.items():
        (folder / name).write_bytes(data)
    for ending in ("jpg", "csv", "txt", "xlsx", "aujax"):
        (folder / f"sparse.{ending}").touch()
        os.truncate(folder / f"sparse.{ending}", 40 << 30)
    (folder / "sparse.mp4").write_bytes(b"\x00\x00\x00\x20ftypisom")
    os.truncate(folder / "sparse.mp4", 40 << 30)
    write_zip(folder / "bomb.xlsx", "xl/sharedStrings.xml", 700)
    write_zip(folder / "card.aujax", "card.json", 500, "arrays.bin")
    described = folder / "prepared" / "lab" / "1.0.0"
    described.mkdir(parents=True)
    for name in ("dataset_info.json", "features.json", "metadata.json"):
        (described / name).touch()
        os.truncate(described / name, 40 << 30)


@pytest.mark.timeout(300)
def test_no_file_makes_a_reader_take_all_memory(tmp_path):
    pytest.importorskip("dlib", reason="dlib is not installed: the extra `faces`")
    write_bombs(tmp_path)
    files = sorted(str(path) for path in tmp_path.iterdir())
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    messages = dict(line.split("\t", 1) for line in ended.stdout.splitlines())
    assert sorted(messages) == [pathlib.Path(file).name for file in files]
    for name, text in messages.items():
        assert EXPECTED.get(name, "more than 178,956,970") in text
