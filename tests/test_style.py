"""The rules of CONTRIBUTING.md that a machine can check."""

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
FILES = sorted(
    path for name in ("au_jax", "configs") for path in (ROOT / name).rglob("*.py")
)


@pytest.mark.parametrize("tool", ["ruff check", "ruff format --check", "pyright"])
def test_tool_has_no_complaint(tool: str):
    command = [sys.executable, "-m", *tool.split()]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_files_are_short():
    assert len(FILES) > 30
    lines = {path: path.read_text().count("\n") for path in FILES}
    assert {path: n for path, n in lines.items() if n > 300} == {}
