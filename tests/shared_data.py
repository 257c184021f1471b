"""Photographs and clips in the formats of the real sets, where they exist."""

import pathlib

import pytest

SHARED = pathlib.Path(__file__).resolve().parents[2] / "shared" / "data"

CLIPS = SHARED / "clips"
needs_shared_data = pytest.mark.skipif(
    not SHARED.is_dir(),
    reason=f"no photographs beside this checkout: {SHARED} is absent",
)
