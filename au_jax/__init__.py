"""Facial action units in the wild: joint training across domains, in JAX."""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from au_jax.prediction.detector import Detector as Detector

# A small file can hold a picture of any size. OpenCV refuses larger ones before it
# decodes them, if this is set before it is imported; 2^30 is its own limit. This one is
# Pillow's.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(178_956_970))

__version__ = "0.1.0"
__all__ = ["Detector"]


def __getattr__(name: str) -> Any:
    """Import `Detector` on first use, because it loads JAX and the networks."""
    if name == "Detector":
        from au_jax.prediction.detector import Detector

        return Detector
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
