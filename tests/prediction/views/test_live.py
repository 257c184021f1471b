"""The preview. Expected: decodable pictures; the same table as without it."""

import http.client
import pathlib
import socket
import subprocess
import sys
import threading
import time

import cv2
import numpy as np
import pytest

from au_jax import Detector
from au_jax.errors import UserError
from au_jax.prediction import run
from au_jax.prediction.inputs import Source
from au_jax.prediction.views import live
from tests.prediction.models import small_model

ROOT = pathlib.Path(__file__).parents[3]


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def video(tmp_path):
    """Write a hundred frames from black to white."""
    path = tmp_path / "grey.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 64))
    for frame in range(100):
        writer.write(np.full((64, 64, 3), 2 * frame, np.uint8))
    writer.release()
    return Source(str(path), "video")


def ask(port, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path, headers=headers)
    return connection, connection.getresponse()


def read_parts(stream, pictures):
    """Split the stream into parts, as in RFC 2046, until it ends."""
    while stream.readline() == b"--frame\r\n":
        head = http.client.parse_headers(stream)
        if "Content-Length" not in head:
            return
        data = stream.read(int(head["Content-Length"]))
        assert stream.readline() == b"\r\n"
        pictures.append(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))


def test_the_stream_shows_frames_and_changes_no_row(port, video, tmp_path):
    detector = Detector(small_model(), path="direct")
    options = run.SearchOptions(whole=True)
    run.predict(detector, [video], tmp_path / "without", options)
    pictures = []
    with live.serve(port, detector.model.aus) as show:
        connection, stream = ask(port, "/stream")
        stuck = ask(port, "/stream")  # a browser that reads nothing
        reader = threading.Thread(target=read_parts, args=(stream, pictures))
        reader.start()
        run.predict(detector, [video], tmp_path / "with", options, show=show)
    reader.join(timeout=60)
    for part in (connection, *stuck):
        part.close()
    assert len(pictures) >= 2
    assert pictures[0].shape[1] == 64 + 340
    greys = [picture[50, 30].mean() for picture in pictures]  # below box and number
    assert greys == sorted(greys)
    assert greys[-1] > greys[0] + 20
    assert abs(greys[-1] - 198) < 5  # of the last frame
    tables = [(tmp_path / x / run.TABLE).read_bytes() for x in ("with", "without")]
    assert tables[0] == tables[1]
    with pytest.raises(ConnectionRefusedError):  # it ended with the run
        ask(port, "/")


def test_each_frame_of_a_camera_is_shown(video, tmp_path, monkeypatch):
    opened, shown = cv2.VideoCapture, []
    monkeypatch.setattr(cv2, "VideoCapture", lambda _: opened(video.file))

    def pause():
        if len(shown) == 4:
            raise KeyboardInterrupt

    def show(frame, lines):
        shown.append((frame.index, frame.image.shape, len(lines)))

    run.predict(
        Detector(small_model(), path="direct"),
        [Source("0", "camera")],
        tmp_path / "out",
        run.SearchOptions(whole=True),
        pause,
        show,
    )
    assert shown == [(index, (64, 64, 3), 1) for index in range(4)]


def test_the_page_has_text_and_is_only_served_locally(port):
    with live.serve(port, (1, 2)) as show:
        assert show is not None
        connection, answer = ask(port, "/")
        text = answer.read().decode()
        connection.close()
        assert 'src="/stream" alt="The newest frame' in text
        assert "<title>" in text
        for path, host in (
            ("/", f"web.site:{port}"),
            ("/aus.csv", f"127.0.0.1:{port}"),
        ):
            connection, answer = ask(port, path, Host=host)
            assert answer.status == 404
            connection.close()


def test_a_port_that_is_taken_is_one_line(port):
    with (
        live.serve(port, (1,)),
        pytest.raises(UserError, match=f"live={port}.*another"),
    ):
        live.serve(port, (1,)).__enter__()


def test_without_a_port_there_is_no_preview(capsys):
    with live.serve(0, (1,)) as show:
        assert show is None
    assert capsys.readouterr().out == ""


# In a program of its own: the failure was an abort when Python ended.
MANY_BROWSERS = """
import socket, sys
import numpy as np
from au_jax.prediction.inputs import Frame, Source
from au_jax.prediction.views import live

port, picture = int(sys.argv[1]), np.zeros((48, 64, 3), np.uint8)
browsers = []
with live.serve(port, (1, 2)) as show:
    for _ in range(100):
        browser = socket.create_connection(("127.0.0.1", port), timeout=60)
        request = f"GET /stream HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\n\\r\\n"
        browser.sendall(request.encode())
        browsers.append(browser)
    for index in range(8):
        show(Frame(Source("a.mp4", "video"), index, 0.0, picture), [])
"""


def test_many_browsers_neither_delay_nor_abort_the_end(port):
    program = [sys.executable, "-c", MANY_BROWSERS, str(port)]
    start = time.monotonic()
    ended = subprocess.run(program, cwd=ROOT, capture_output=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert b"Traceback" not in ended.stderr
    assert time.monotonic() - start < 60
