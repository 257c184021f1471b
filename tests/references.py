"""The files of reference numbers, which other implementations computed."""

import os
import pathlib

import pytest

DEFAULT = pathlib.Path(__file__).parent / "reference"


def reference_files(pattern: str) -> list[pathlib.Path]:
    """Return all files that match `pattern`, sorted.

    The folder is tests/reference unless the variable AU_JAX_REFERENCE names another. A
    folder without reference files fails the test, since a test over no files would pass
    unseen. If AU_JAX_REFERENCE holds only other kinds of files, the test is skipped.
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
