"""Every module imports with only the base requirements installed."""

import pathlib
import subprocess
import sys

import pytest

PACKAGE = pathlib.Path(__file__).parents[1] / "au_jax"

PROGRAM = """
import importlib, sys
extras = ("dlib", "face_recognition_models", "openpyxl", "apache_beam", "wandb")
for name in (*extras, "beartype", "hypothesis", "pytest"):
    sys.modules[name] = None  # an import of it fails
for name in sys.argv[1:]:
    importlib.import_module(name)
"""

# Only `prepare --beam` imports it, and says what to install.
OF_AN_EXTRA = "au_jax.preparation.beam"


def _modules() -> dict[str, bool]:
    """Yield every module of the package, and whether it is a program."""
    return {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): (
            '__name__ == "__main__"' in path.read_text()
        )
        for path in sorted(PACKAGE.rglob("*.py"))
    }


# Importing a program defines its flags; names repeat, so import one at a time.
PROGRAMS = [name for name, is_program in _modules().items() if is_program]
OTHERS = [name for name, is_program in _modules().items() if not is_program]
OTHERS.remove(OF_AN_EXTRA)


@pytest.mark.parametrize("names", [OTHERS, *([name] for name in PROGRAMS)])
def test_modules_import_without_the_extras(
    names: list[str], pytestconfig: pytest.Config
):
    assert names
    # With the oldest packages, `-W ignore` is given to pytest: they warn of newer ones.
    actions = ["error", *(pytestconfig.getoption("pythonwarnings") or [])]
    warnings = [f"-W{action}" for action in actions]
    command = [sys.executable, *warnings, "-c", PROGRAM, *names]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
