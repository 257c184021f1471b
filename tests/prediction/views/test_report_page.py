"""Expected: figures counted by hand; a page that refers to no other address."""

import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from au_jax.faces.finder import Face
from au_jax.prediction import rows
from au_jax.prediction.inputs import Frame, Source
from au_jax.prediction.views import overlay, report_page
from au_jax.prediction.views.timelines import Track, section

AUS = (1, 12)


def _face(source, index, p, number=0):
    points = np.stack([np.linspace(20, 60, 49), np.linspace(30, 70, 49)], axis=-1)
    face = Face((15, 20, 70, 80), 1.5, points.astype(np.float32))
    values = np.array([p, 0.2], np.float32)
    frame = Frame(source, index, index / 25, np.zeros((1, 1, 3), np.uint8))
    return rows.face_row(frame, number, face, values, values >= 0.5, 5 * values)


@pytest.fixture
def results(tmp_path):
    """Return a video of ten frames, two without a face (4, 5), and two pictures."""
    picture = np.random.default_rng(0).integers(0, 256, (100, 90, 3), np.uint8)
    video = tmp_path / "a <b>.avi"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 25, (90, 100))
    for _ in range(10):
        writer.write(picture)
    writer.release()
    cv2.imwrite(str(tmp_path / "c.png"), picture)
    sources = [
        Source(str(video), "video"),
        Source(str(tmp_path / "c.png"), "image"),
        Source(str(tmp_path / "d.png"), "image"),
    ]
    lines = [rows.columns(AUS)]
    for i in range(10):
        if i in (4, 5):
            frame = Frame(sources[0], i, i / 25, np.zeros((1, 1, 3), np.uint8))
            lines.append(rows.empty_row(frame, AUS))
        else:
            lines.append(_face(sources[0], i, i / 10))
    lines += [_face(sources[1], 0, 0.7), _face(sources[1], 0, 0.1, number=1)]
    lines.append(rows.empty_row(Frame(sources[2], 0, 0.0, None, "missing"), AUS))
    table = tmp_path / "aus.csv"
    table.write_bytes(rows.to_text(lines))
    return table, sources


def test_the_page(results, tmp_path):
    table, sources = results
    limits = {1: 0.5, 12: 0.35}
    report_page.write(table, tmp_path / "report.html", sources, limits, lambda: None)
    text = (tmp_path / "report.html").read_text()
    HTMLParser().feed(text)
    assert not re.search(r"https?:|src=\"(?!data:)|@import|url\(", text)
    assert "a &lt;b&gt;.avi" in text
    assert "<b>" not in text
    assert "AU01 inner brow raiser: active (from 0.50 on) in 50 % of 8 frames" in text
    assert "highest 0.90 at 0.36 s, frame 9" in text
    assert 'd="M0 65.0H1000"' in text  # where AU12 begins to be active
    line, _ = re.findall(r' d="(M[^"]+L[^"]+)"', text)  # a line for each AU
    assert line.count("M") == 2  # a gap where there is no face
    assert line.count("h0") == 2
    assert text.count('stroke-linecap="round"') == 2
    assert text.count("<li data-place") == 2
    assert 'data-active="AU01" data-au01="0.700000"' in text
    assert text.count("<img") == text.count("alt=") == 2 + 2
    assert "d.png: decode error" in text


def test_a_face_of_one_frame_is_a_dot():
    source = Source("x.avi", "video")
    row = dict(zip(rows.columns(AUS), _face(source, 0, 0.75), strict=True))
    frames = iter([(0, [row])])
    text = "".join(section(source, frames, {1: 0.5, 12: 0.35}, lambda: None))
    assert ' d="M0.0 25.0h0"' in text


def test_annotated_files(results, tmp_path):
    table, sources = results
    overlay.write(table, tmp_path / "overlay", sources, AUS, lambda: None)
    made = sorted(path.name for path in (tmp_path / "overlay").glob("[!.]*"))
    assert made == ["0000_a <b>.mp4", "0001_c.jpg"]
    capture = cv2.VideoCapture(str(tmp_path / "overlay" / made[0]))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 10
    assert capture.get(cv2.CAP_PROP_FPS) == 25
    image = cv2.imread(str(tmp_path / "overlay" / made[1]))
    assert image is not None
    assert image.shape[1] == 90 + 340


def test_a_bar_is_as_long_as_its_probability():
    source = Source("x.png", "image")
    row = dict(zip(rows.columns(AUS), _face(source, 0, 0.75), strict=True))
    canvas = overlay.annotate(np.zeros((100, 90, 3), np.uint8), [row], AUS)
    line = canvas[2 * 22 - 5, 90 : 90 + 290]  # without the figure at its right
    blue = (line == (0, 114, 178)).all(axis=-1).sum()
    grey = (line == (225, 225, 225)).all(axis=-1).sum()
    assert blue / (blue + grey) == pytest.approx(0.75, abs=0.03)


def test_frames_of_a_video_have_one_size(tmp_path):
    """OpenCV silently drops frames whose size differs from the first one's."""
    video = tmp_path / "a.avi"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 25, (90, 100))
    for _ in range(4):
        writer.write(np.zeros((100, 90, 3), np.uint8))
    writer.release()
    source = Source(str(video), "video")
    blank = np.zeros((1, 1, 3), np.uint8)
    lines = [rows.columns(AUS), rows.empty_row(Frame(source, 0, 0.0, blank), AUS)]
    lines += [_face(source, i, 0.5, number) for i in (1, 2, 3) for number in range(9)]
    table = tmp_path / "aus.csv"
    table.write_bytes(rows.to_text(lines))
    overlay.write(table, tmp_path / "overlay", [source], AUS, lambda: None)
    capture = cv2.VideoCapture(str(tmp_path / "overlay" / "0000_a.mp4"))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 4
    assert capture.get(cv2.CAP_PROP_FRAME_HEIGHT) >= 9 * 4 * 22


def test_bars_of_many_faces_are_in_columns():
    source = Source("x.png", "image")
    actual = [
        dict(zip(rows.columns(AUS), _face(source, 0, 0.9, number), strict=True))
        for number in range(25)
    ]
    canvas = overlay.annotate(np.zeros((100, 90, 3), np.uint8), actual, AUS)
    assert canvas.shape == (900, 90 + 3 * 340, 3)  # 10 faces of 88 lines in each
    for left, count in ((90, 10), (430, 10), (770, 5)):
        dark = np.all(canvas[: 10 * 88, left : left + 200] < 128, axis=-1)
        blocks = np.any(dark.reshape(10, -1), axis=-1)
        assert blocks.tolist() == [True] * count + [False] * (10 - count)


def test_long_timelines_keep_their_peaks():
    track = Track([])
    for frame in range(100_000):
        value = 0.9 if frame == 70_003 else 0.1
        track.add({"frame": str(frame), "timestamp": str(frame / 25)}, value, False)
    assert len(track.values) <= 1200
    assert track.peak is not None
    assert track.peak[1] == 70_003
    assert max(track.values, key=lambda point: point[1])[:2] == (70_003 / 25, 0.9)
    assert not any(starts for _, _, starts in track.values[1:])
