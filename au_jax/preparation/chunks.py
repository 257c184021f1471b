"""The faces of a few images at a time: found, aligned, encoded, and stored.

Finding faces takes most of the time of a preparation. The result for a chunk of images
is a file whose name is a hash of all that it depends on, so a later run reuses what is
still valid.
"""

import hashlib
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from au_jax.faces import align
from au_jax.faces.detect import METHOD, LandmarkFinder
from au_jax.faces.landmarks import check_inside
from au_jax.media.images import UnusableImage
from au_jax.preparation.image_reader import ImageReader
from au_jax.raw.row import Row
from au_jax.runtime.files import replacing

JPEG_QUALITY = 95
SETTINGS = f"align {align.SIZE} {align.ENLARGE}, jpeg {JPEG_QUALITY}, {METHOD}"


@dataclass(frozen=True)
class Faces:
    """The result for each image of a chunk, in order."""

    jpegs: Sequence[bytes]
    """The aligned face, 200 x 200; empty where none was found."""
    landmarks: Float32[np.ndarray, "n 49 2"]
    """x, y in pixels of the aligned face."""
    problems: Sequence[tuple[str, str]]
    """Reason and detail; empty strings where there is a face."""


def stamp(file: Path) -> str:
    """Return the size and time of change of a file, by which changes are noticed."""
    try:
        status = file.stat()
    except OSError:
        return "absent"
    return f"{status.st_size} {status.st_mtime_ns}"


def chunk_file(folder: Path, raw: Path, rows: Sequence[Row]) -> Path:
    """Return the path of the result for these images as they are now."""
    digest = hashlib.sha256(SETTINGS.encode())
    for row in rows:
        digest.update(f"\0{row.path}\0{stamp(raw / row.file)}".encode())
        digest.update(row.landmarks)
    return folder / f"{digest.hexdigest()[:32]}.npz"


def extract(raw: Path, rows: Sequence[Row], find: LandmarkFinder) -> Faces:
    """Find, align and encode the largest face of each image."""
    reader = ImageReader(raw)
    jpegs: list[bytes] = []
    landmarks = np.zeros((len(rows), 49, 2), np.float32)
    problems: list[tuple[str, str]] = []
    for index, row in enumerate(rows):
        jpeg, problem = b"", ("", "")
        try:
            face, landmarks[index] = aligned_face(
                reader.read(row), _known(row.landmarks) if row.landmarks else find
            )
            jpeg = encode(face)
        except UnusableImage as error:
            problem = error.reason, error.detail
        except (cv2.error, RuntimeError) as error:  # dlib's are RuntimeErrors
            problem = "failed", " ".join(str(error).split())
        jpegs.append(jpeg)
        problems.append(problem)
    return Faces(jpegs, landmarks, problems)


def _known(landmarks: bytes) -> LandmarkFinder:
    """Return a finder that returns known landmarks, if they fit into the picture."""
    points = np.frombuffer(landmarks, np.float32).reshape(49, 2)

    def find(image: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "49 2"]:
        try:
            check_inside(points, *image.shape[:2])
        except ValueError as error:
            raise UnusableImage("bad_landmarks", str(error)) from None
        return points

    return find


def aligned_face(
    image: UInt8[np.ndarray, "h w 3"], find: LandmarkFinder
) -> tuple[UInt8[np.ndarray, "200 200 3"], Float32[np.ndarray, "49 2"]]:
    """Return the largest face of an RGB picture, aligned, and its landmarks there.

    Raises:
        UnusableImage: no face was found, or its landmarks are implausible.
    """
    points = find(image)
    if points is None:
        raise UnusableImage("no_face", "no face found")
    try:
        matrix = align.alignment_matrix(points)
    except ValueError as error:
        raise UnusableImage("bad_landmarks", str(error)) from None
    face = align.align_image(image, matrix)
    return face, align.align_landmarks(points, matrix).astype(np.float32)


def encode(image: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """Encode an RGB image as JPEG."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return data.tobytes()


# What NumPy and zipfile raise for a file that a crash or a full disk left.
_DAMAGED = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


def save(file: Path, faces: Faces) -> None:
    """Write the result of a chunk."""
    # Apache Beam may run the same piece of work twice at the same time.
    with replacing(file, shared=True) as part:
        np.savez(
            part,
            jpegs=np.frombuffer(b"".join(faces.jpegs), np.uint8),
            lengths=np.array([len(jpeg) for jpeg in faces.jpegs], np.int64),
            landmarks=faces.landmarks,
            problems=np.array(faces.problems, np.str_).reshape(-1, 2),
        )


def stored(file: Path) -> int:
    """Return the number of images in a stored chunk; 0 if it is absent or damaged."""
    try:
        with file.open("rb") as stream, np.load(stream) as arrays:
            return len(arrays["lengths"])
    except _DAMAGED:
        return 0


def load(file: Path) -> Faces | None:
    """Read a stored chunk; return None if it is absent or damaged."""
    try:
        with file.open("rb") as stream, np.load(stream) as stored:
            ends = np.cumsum(stored["lengths"])
            data = stored["jpegs"].tobytes()
            return Faces(
                [
                    data[end - length : end]
                    for end, length in zip(ends, stored["lengths"], strict=True)
                ],
                stored["landmarks"],
                [(str(reason), str(detail)) for reason, detail in stored["problems"]],
            )
    except _DAMAGED:
        return None
