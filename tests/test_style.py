"""The rules of CONTRIBUTING.md that a program can check."""

import ast
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
FILES = sorted(
    path for name in ("au_jax", "configs") for path in (ROOT / name).rglob("*.py")
)


# pyright takes half a minute; pre-commit runs it, too.
@pytest.mark.parametrize(
    "tool",
    [
        "ruff check",
        "ruff format --check",
        pytest.param("pyright", marks=pytest.mark.slow),
    ],
)
def test_tool_has_no_complaint(tool: str):
    command = [sys.executable, "-m", *tool.split()]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_files_are_short():
    assert len(FILES) > 30
    lines = {path: path.read_text().count("\n") for path in FILES}
    assert {path: n for path, n in lines.items() if n > 300} == {}


# Each of these is one sequence of steps, in the order of the paper or of the run.
LONG = {
    "forward": "steps 1 to 5 of method.md section 3",
    "make_train_step": "step 6 of method.md section 3",
    "rasterize": "the steps of a z-buffer",
    "run_stage": "the training loop",
}


def test_functions_are_short():
    lengths = {
        f"{path.relative_to(ROOT)}: {node.name}": node.end_lineno - node.lineno + 1
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.end_lineno
    }
    too_long = {
        name: length
        for name, length in lengths.items()
        if length > (80 if name.rpartition(" ")[2] in LONG else 60)
    }
    assert too_long == {}
