"""Expected: OpenCV decodes a file of each format."""

import re

import cv2
import numpy as np
import pytest

from au_jax.media import formats
from tests.programs import ROOT

# OpenCV reads JPEG 2000 but does not write so small a picture; PBM and PGM are grey.
WRITABLE = sorted(formats.PICTURES - {".jp2", ".pbm", ".pgm"})


@pytest.mark.parametrize("suffix", WRITABLE)
def test_opencv_decodes_each_format(suffix):
    written, data = cv2.imencode(suffix, np.zeros((8, 8, 3), np.uint8))
    assert written
    image = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
    assert image is not None
    assert image.shape == (8, 8, 3)


@pytest.mark.parametrize("kind", ["picture", "video"])
def test_the_documentation_names_each_suffix(kind):
    page = (ROOT / "docs" / "prediction.md").read_text()
    (row,) = re.findall(rf"^\| {kind} \| (.*) \|$", page, re.MULTILINE)
    known = {"picture": formats.PICTURES, "video": formats.VIDEOS}[kind]
    assert row.replace("`", "").split() == sorted(known)


def test_case_and_folders_do_not_matter():
    assert formats.is_picture("a.b/C.JPG")
    assert formats.is_video("a/clip.MP4")
    assert formats.is_video("stream.ts")
    assert not formats.is_picture("clip.mp4")
    assert not formats.is_picture("jpg")
    assert not formats.is_video(".mp4")  # a hidden file without a suffix


def test_attributes_that_macos_keeps_are_no_pictures():
    assert formats.is_apple_double("a/._b.jpg")
    assert not formats.is_picture("a/._b.jpg")
    assert not formats.is_video("._clip.mp4")
    assert formats.is_picture("a/_b.jpg")
    assert formats.is_picture("._folder/b.jpg")
