"""A live preview in the browser, on this machine alone: http://127.0.0.1:PORT/.

A browser gets the newest frame once the previous one is sent. So a slow browser gets
fewer frames, and the run neither waits nor stores any.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import cv2

from au_jax.errors import UserError
from au_jax.prediction.inputs import Frame
from au_jax.prediction.rows import columns
from au_jax.prediction.views.overlay import annotate

Lines = Sequence[Sequence[str]]
Show = Callable[[Frame, Lines], None]
"""`(frame with its pixels, rows of the table)`; the frame's rows are among them."""

_HOST = "127.0.0.1"
_KINDS = {
    "/": "text/html; charset=utf-8",
    "/stream": "multipart/x-mixed-replace; boundary=frame",
}
_MAX_BROWSERS = 32
_FAREWELL = 1.0  # seconds
_BOUNDARY = b"--frame\r\n"
_PAGE = b"""<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><title>Action units, live</title><style>
body { font: 16px/1.45 system-ui, sans-serif; margin: 1rem; color: #1a1a1a }
img { max-width: 100% }</style></head><body><main><h1>Action units, live</h1>
<img src="/stream" alt="The newest frame: faces, landmarks, bars of action units">
<p>The first frame takes a few seconds. All results are in aus.csv.</p></main>"""


@contextlib.contextmanager
def serve(port: int, aus: Sequence[int]) -> Iterator[Show | None]:
    """Serve the preview; yield a function that shows a frame, or None if the port is 0.

    Raises:
        UserError: the port is taken, or may not be used.
    """
    if not port:
        yield None
        return
    try:
        server = _Server(port, aus)
    except OSError as error:
        raise UserError(f"--live={port}: {error.strerror}; give another port") from None
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    print(f"preview: http://{_HOST}:{port}/", flush=True)
    try:
        yield server.show
    finally:
        server.end()


class _Server(ThreadingHTTPServer):
    """A server with a thread per browser, and the frame that all of them show."""

    # Threads that still encode pictures while Python ends would abort the program.
    daemon_threads = False
    request_queue_size = 128  # with the 5 of the base class, the sixth waits a second

    def __init__(self, port: int, aus: Sequence[int]):
        super().__init__((_HOST, port), _Handler)
        self._sockets: set[socket.socket] = set()
        self.changed, self.ended = threading.Condition(), False
        self._aus, self._number = aus, 0
        self._newest: tuple[Frame, Lines] | None = None

    def show(self, frame: Frame, lines: Lines) -> None:
        """Replace the frame."""
        with self.changed:
            self._number, self._newest = self._number + 1, (frame, lines)
            self.changed.notify_all()

    def end(self) -> None:
        """Let browsers get the last frame, for a second; then wait for all threads."""
        with self.changed:
            self.ended = True
            self.changed.notify_all()
        self.shutdown()
        late = time.monotonic() + _FAREWELL
        while self._sockets and time.monotonic() < late:
            time.sleep(0.01)
        for connection in list(self._sockets):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Refuse further browsers once there are many."""
        return len(self._sockets) < _MAX_BROWSERS

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own."""
        self._sockets.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        self._sockets.discard(request)
        super().shutdown_request(request)

    def jpegs(self) -> Iterator[bytes]:
        """Yield the newest frame as an annotated JPEG whenever there is a new one."""
        names, seen = columns(self._aus), 0
        while True:
            with self.changed:
                while self._number == seen and not self.ended:
                    self.changed.wait()
                if self._number == seen or self._newest is None:
                    return
                seen, (frame, lines) = self._number, self._newest
            if frame.image is not None:
                key = [frame.source.name, str(frame.index)]
                rows = [dict(zip(names, x, strict=True)) for x in lines if x[:2] == key]
                picture = annotate(frame.image, rows, self._aus)
                yield cv2.imencode(".jpg", picture[..., ::-1])[1].tobytes()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore it: the browser has disconnected."""


class _Handler(BaseHTTPRequestHandler):
    timeout = 10  # seconds after which an unresponsive browser is disconnected

    def do_GET(self) -> None:
        """Send the page or the stream, unless another site's host name led here."""
        server: Any = self.server
        hosts = [f"{name}:{server.server_port}" for name in (_HOST, "localhost")]
        if self.headers["Host"] not in hosts or self.path not in _KINDS:
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Type", _KINDS[self.path])
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.end_headers()
        self.wfile.write(_PAGE if self.path == "/" else _BOUNDARY)
        for jpeg in server.jpegs() if self.path == "/stream" else ():
            head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            # Chrome shows a picture only after the next boundary.
            self.wfile.write(head.encode() + jpeg + b"\r\n" + _BOUNDARY)

    def log_message(self, *args: object) -> None:
        """Log nothing: the terminal shows the run."""
