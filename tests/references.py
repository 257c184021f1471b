"""Finds the files of reference numbers, made by other implementations."""

import os
import pathlib

import pytest

DEFAULT = pathlib.Path(__file__).parent / "reference"


def reference_files(pattern: str) -> list[pathlib.Path]:
    """Every file matching `pattern`, sorted; more than one seed or size may be there.

    The folder is tests/reference, or what the variable AU_JAX_REFERENCE names. Finding
    nothing is a failure: a test over no files would pass without looking at anything.
    Only where another folder holds files of other kinds is the test skipped.
    """
    folder = pathlib.Path(os.environ.get("AU_JAX_REFERENCE") or DEFAULT)
    files = sorted(path for path in folder.glob(pattern) if path.is_file())
    if not files and folder != DEFAULT and any(folder.glob("*.npz")):
        pytest.skip(f"{folder} holds no {pattern}", allow_module_level=True)
    if not files:
        pytest.fail(
            f"no reference file matches {pattern!r} in {folder.absolute()}; that is"
            f" tests/reference, or what the variable AU_JAX_REFERENCE names",
            pytrace=False,
        )
    return files
