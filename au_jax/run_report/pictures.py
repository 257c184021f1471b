"""Pictures of what the networks compute: attention, features, and their recombination.

Feature maps show a face almost as a photograph does. So where a face is hidden, only
landmarks and attention are drawn.
"""

import base64

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from au_jax.evaluation import faces_png
from au_jax.faces import drawing
from au_jax.run_report.maps import Maps

SIDE = 132

Picture = UInt8[np.ndarray, "s s 3"]


def titles(maps: Maps) -> list[str]:
    """Return the titles of the columns of `row`."""
    if maps.attention is None:
        return ["face", "features F"]
    return [
        *("face", "attention A", "features F", "background B"),
        *("recombined X", "reconstructed F'"),
    ]


def row(
    image: UInt8[np.ndarray, "h h 3"],
    landmarks: Float[np.ndarray, "49 2"],
    predicted: Float[np.ndarray, "49 2"] | None,
    maps: Maps,
    domain: int,
    index: int,
    show: drawing.Show,
) -> list[Picture]:
    """Return the pictures of one image.

    Args:
        image: RGB.
        landmarks: In units of the image side.
        predicted: Likewise; None without a landmark branch.
        maps: The maps of all images.
        domain: 0 for the source, 1 for the target.
        index: The image's place in its domain.
        show: How to show faces.
    """
    pictures = [faces_png.draw(image, landmarks, predicted, show, SIDE)]
    hidden = np.full((SIDE, SIDE, 3), drawing.EMPTY, np.uint8)
    if maps.attention is not None:
        pictures.append(coloured(maps.attention[domain, index]))
    for found in (maps.features, maps.background, maps.recombined, maps.reconstructed):
        if found is not None:
            strength = np.abs(found[domain, index]).mean(axis=-1)
            pictures.append(coloured(strength) if show == "show" else hidden)
    return pictures


def coloured(values: Float[np.ndarray, "f f"]) -> Picture:
    """Return a map in colours from its smallest to its largest value."""
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) / max(high - low, 1e-12)
    grey = np.rint(255 * scaled).astype(np.uint8)
    colours = cv2.applyColorMap(grey, cv2.COLORMAP_VIRIDIS)
    large = cv2.resize(colours, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
    return large[..., ::-1].astype(np.uint8)


def as_html(picture: Picture, text: str) -> str:
    """Return an image element that holds the picture."""
    _, png = cv2.imencode(".png", np.ascontiguousarray(picture[..., ::-1]))
    data = base64.b64encode(png.tobytes()).decode()
    return f'<img src="data:image/png;base64,{data}" alt="{text}" width="{SIDE}">'
