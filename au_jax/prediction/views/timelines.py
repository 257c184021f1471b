"""Draw the timelines of a video for the report, one per AU and face."""

import base64
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from html import escape

import cv2
import numpy as np
from jaxtyping import UInt8

from au_jax.prediction.inputs import Source, read
from au_jax.prediction.views.au_names import colour, in_words
from au_jax.prediction.views.overlay import Row

_POINTS = 600  # at least; longer timelines show the maximum of each part
_SIDE = 180  # side of a thumbnail in pixels

Image = UInt8[np.ndarray, "_ _ 3"]


@dataclasses.dataclass
class Track:
    """The probabilities of one AU of one face of a video, in bounded memory."""

    values: list[tuple[float, float, bool]]
    """Time in seconds, probability, and whether the face was absent just before.

    Each is the maximum of `each` frames."""
    each: int = 1
    count: int = 0
    """Frames with the face."""
    active: int = 0
    """Frames in which the AU is active."""
    last: int = -1
    """The last frame with the face."""
    peak: tuple[float, int, Row] | None = None
    """The highest probability, with its frame and row."""

    def add(self, row: Row, value: float, active: bool) -> None:
        """Add the next frame of the face."""
        frame = int(row["frame"])
        point = (float(row["timestamp"]), value, self.last not in (frame - 1, -1))
        if self.count % self.each == 0 or not self.values:
            self.values.append(point)
        else:
            self.values[-1] = _higher(self.values[-1], point)
        self.count, self.active = self.count + 1, self.active + active
        self.last = frame
        if self.peak is None or value > self.peak[0]:
            self.peak = (value, frame, row)
        if len(self.values) >= 2 * _POINTS:
            pairs = zip(self.values[::2], self.values[1::2], strict=True)
            self.values = [_higher(*pair) for pair in pairs]
            self.each *= 2


def _higher(
    a: tuple[float, float, bool], b: tuple[float, float, bool]
) -> tuple[float, float, bool]:
    time, value, _ = max(a, b, key=lambda point: point[1])
    return time, value, a[2] or b[2]


def section(
    source: Source,
    frames: Iterator[tuple[int, list[Row]]],
    thresholds: Mapping[int, float],
    pause: Callable[[], None],
) -> list[str]:
    """Return a section of the page: for each face its timelines and their peaks.

    Args:
        source: The video, or a camera, whose frames cannot be read again.
        frames: Its rows in the table, by frame.
        thresholds: AU number -> the probability from which it is active.
        pause: Called often; an exception that it raises ends the work.
    """
    tracks: dict[tuple[int, int], Track] = {}
    counts: dict[str, int] = {}
    end = 0.0
    for _, rows in frames:
        pause()
        for row in rows:
            counts[row["status"]] = counts.get(row["status"], 0) + 1
            end = max(end, float(row["timestamp"]))
            if not row["face_id"]:
                continue
            for au in thresholds:
                track = tracks.setdefault((int(row["face_id"]), au), Track([]))
                name = f"AU{au:02d}"
                track.add(row, float(row[name]), row[f"{name}_c"] == "1")
    peaks = _pictures(source, tracks) if source.kind == "video" else {}
    rows_by_status = ", ".join(
        f"{n} {status.replace('_', ' ')}" for status, n in counts.items()
    )
    parts = [
        f"<h2>{escape(source.name)}</h2><p>{end:.1f} s; rows: {rows_by_status}. Each"
        " line is a probability from 0 (bottom) to 1 (top); its AU is active from the"
        " dashed line upwards.</p>"
    ]
    for face in sorted({face for face, _ in tracks}):
        parts.append(f"<h3>Face {face}</h3>")
        for au, threshold in thresholds.items():
            track, picture = tracks[face, au], peaks.get((face, au), "")
            parts.append(_timeline(track, (au, threshold), face, end, picture))
    return parts


def _pictures(
    source: Source, tracks: dict[tuple[int, int], Track]
) -> dict[tuple[int, int], str]:
    """Return the face at the peak of each track, as a data URL."""
    peaks = {track.peak[1] for track in tracks.values() if track.peak}
    pictures = {}
    for frame in read(source):
        if frame.index in peaks and frame.image is not None:
            for key, track in tracks.items():
                if track.peak and track.peak[1] == frame.index:
                    pictures[key] = thumbnail(frame.image, track.peak[2])
        if frame.index >= max(peaks, default=0):
            break
    return pictures


def _timeline(
    track: Track, known: tuple[int, float], face: int, end: float, picture: str
) -> str:
    au, threshold = known
    peak, frame, row = track.peak or (0.0, 0, {"timestamp": "0"})
    share = 100 * track.active / max(track.count, 1)
    time = float(row["timestamp"])
    limit = "never" if threshold > 1 else f"from {threshold:.2f} on"
    words = (
        f"{in_words(au)}: active ({limit}) in {share:.0f} % of"
        f" {track.count} frames; highest {peak:.2f} at {time:.2f} s, frame {frame}"
    )
    span = max(end, 1e-9)
    places = [(1000 * time / span, 100 - 100 * p) for time, p, _ in track.values]
    # "h0" draws a dot, which is all of a face that is seen in one frame alone.
    line = " ".join(
        f"L{x:.1f} {y:.1f}" if i and not track.values[i][2] else f"M{x:.1f} {y:.1f}h0"
        for i, (x, y) in enumerate(places)
    )
    red, green, blue = colour(face)
    image = f'<img src="{picture}" alt="Face {face} at {words}">' if picture else ""
    return (
        f'<figure><figcaption>{escape(words)}</figcaption><svg viewBox="0 -4 1000 108"'
        f' preserveAspectRatio="none" role="img" aria-label="{escape(words)}">'
        f'<path d="M0 {100 - 100 * threshold:.1f}H1000" stroke="#767676"'
        ' stroke-dasharray="6 6"'
        ' vector-effect="non-scaling-stroke"/><path fill="none" stroke-width="2"'
        ' stroke-linecap="round"'
        f' stroke="rgb({red},{green},{blue})" vector-effect="non-scaling-stroke"'
        f' d="{line}"/></svg>{image}</figure>'
    )


def thumbnail(image: Image, row: Row) -> str:
    """Return the face of a row with a margin, as a data URL."""
    x, y, w, h = (int(row[f"face_{side}"]) for side in "xywh")
    m = w // 4
    part = image[max(0, y - m) : y + h + m, max(0, x - m) : x + w + m]
    scale = _SIDE / max(part.shape[:2])
    size = [max(1, round(n * scale)) for n in part.shape[1::-1]]
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    data = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()
