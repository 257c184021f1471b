"""Draw faces for people: with landmarks and labels, or with the face hidden.

Every picture of a face of a data set is made by `draw_face`, so a licensed face is
shown only if the user asks for it.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from au_jax.errors import UserError

Show = Literal["show", "blur", "none"]
"""The face as it is, in squares too coarse to recognise it, or its landmarks alone."""

# Their agreements forbid publishing faces (BP4D's except those of a few subjects).
LICENSED = ("bp4d", "bp4dplus", "disfa", "emotionet", "rafau", "lists")

COARSE = 12  # squares along each side of a blurred face
EMPTY = 236  # grey of a hidden face
_POINT = (30, 200, 60)
_PARTS: tuple[tuple[int, int, bool], ...] = (  # first, last + 1, closed
    (0, 5, False), (5, 10, False), (10, 14, False), (14, 19, False),
    (19, 25, True), (25, 31, True), (31, 43, True), (43, 49, True),
)  # fmt: skip


def licensed_as(name: str, dataset: str = "", licence: str = "") -> str:
    """Return the licensed set that the pictures of a prepared set are of, or "".

    The raw set that was read decides, whatever the prepared one is called. If it does
    not say whose pictures they are (`folder`, ADLD's `lists`, sets of older versions),
    a name that is or begins with that of a licensed set does.

    Args:
        name: The name of the prepared set.
        dataset: The raw set that was read, or "".
        licence: The licence of the pictures, where one was stated, or "".
    """
    if licence:
        return ""
    found = [
        licensed
        for text in (dataset, name)
        for licensed in LICENSED
        if f"{text}_".startswith(f"{licensed}_")
    ]
    found.sort(key=lambda name: name == "lists")  # lists of another set are its
    return found[0] if found else ""


def choose(asked: str | None, licensed: bool) -> Show:
    """Return how to show faces: as asked, or as their licences permit.

    Args:
        asked: One of `Show`, or None.
        licensed: Whether some of the faces are of a licensed set.

    Raises:
        UserError: `asked` is something else.
    """
    if not asked:
        return "none" if licensed else "show"
    for known in get_args(Show):
        if asked == known:
            return known
    raise UserError(f"--faces={asked}: give one of {', '.join(get_args(Show))}")


def draw_face(
    image: UInt8[np.ndarray, "h w 3"],
    landmarks: Float[np.ndarray, "49 2"] | None = None,
    aus: Mapping[int, bool] | None = None,
    show: Show = "show",
    side: int = 200,
) -> UInt8[np.ndarray, "h2 {side} 3"]:
    """Draw a face with its landmarks, and below it the numbers of its active AUs.

    Args:
        image: RGB, usually an aligned square; other shapes are fitted into one.
        landmarks: x, y in pixels of `image`.
        aus: Known labels, AU number -> active; None draws no line of text.
        show: How to show the face itself.
        side: Width of the result in pixels.

    Returns:
        An RGB image, `side` high, or a tenth more with a line of text.
    """
    scale = side / max(image.shape[:2])
    face = np.full((side, side, 3), EMPTY, np.uint8)
    if show != "none":
        visible = hide(image) if show == "blur" else image
        height, width = (max(1, round(n * scale)) for n in image.shape[:2])
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        face[:height, :width] = cv2.resize(
            visible, (width, height), interpolation=method
        )
    if landmarks is not None:
        _draw_landmarks(face, (landmarks + 0.5) * scale - 0.5)
    if aus is None:
        return face
    return np.concatenate([face, text_line(label_text(aus), side)])


def hide(image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """Show a picture in coarse squares; a blur by convolution could be undone."""
    height, width, _ = image.shape
    small = cv2.resize(image, (COARSE, COARSE), interpolation=cv2.INTER_AREA)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)
    return large.astype(np.uint8, copy=False)


def label_text(aus: Mapping[int, bool]) -> str:
    """Return the active AUs as text, such as "AU 1 4 12", "no AU" or "no labels"."""
    active = [str(au) for au, on in sorted(aus.items()) if on]
    return f"AU {' '.join(active)}" if active else "no AU" if aus else "no labels"


def grid(
    pictures: Sequence[UInt8[np.ndarray, "h w 3"]], columns: int
) -> UInt8[np.ndarray, "h2 w2 3"]:
    """Tile pictures of one size row by row on white; there must be at least one."""
    height, width, _ = pictures[0].shape
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for index, picture in enumerate(pictures):
        y, x = index // columns * height, index % columns * width
        sheet[y : y + height, x : x + width] = picture
    return sheet


def _draw_landmarks(
    face: UInt8[np.ndarray, "s s 3"], points: Float[np.ndarray, "49 2"]
) -> None:
    """Draw lines along brows, nose, eyes and mouth, and a dot at each point."""
    if not np.isfinite(points).all():
        return
    whole = np.rint(points.clip(-len(face), 2 * len(face))).astype(np.int32)
    for first, end, closed in _PARTS:
        cv2.polylines(face, [whole[first:end]], closed, _POINT, 1, cv2.LINE_AA)
    for x, y in whole.tolist():
        cv2.circle(face, (x, y), max(1, len(face) // 130), (255, 255, 255), -1)
        cv2.circle(face, (x, y), max(1, len(face) // 200), (200, 30, 30), -1)


def text_line(text: str, side: int) -> UInt8[np.ndarray, "h {side} 3"]:
    """Draw dark text on white, shrunk until it fits."""
    line = np.full((side // 10, side, 3), 255, np.uint8)
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, side / 480
    width = cv2.getTextSize(text, font, scale, 1)[0][0]
    scale *= min(1.0, 0.96 * side / max(width, 1))
    at = (round(0.02 * side), round(0.075 * side))
    cv2.putText(line, text, at, font, scale, (20, 20, 20), 1, cv2.LINE_AA)
    return line
