"""Facial action units in the wild: joint training across domains, in JAX."""

import os
from typing import TYPE_CHECKING, Any

# OpenCV reads it when it is loaded; Pillow refuses pictures from this size on, too.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(179_000_000))

if TYPE_CHECKING:
    from au_jax.prediction.detector import Detector as Detector

__version__ = "0.1.0"
__all__ = ["Detector"]


def __getattr__(name: str) -> Any:
    """Import `Detector` on first use, because it loads JAX and the networks."""
    if name == "Detector":
        from au_jax.prediction.detector import Detector

        return Detector
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
