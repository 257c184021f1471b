"""Every module imports, with no more installed than the base requirements."""

import subprocess
import sys

PROGRAM = """
import importlib, pkgutil, sys
for name in ("dlib", "face_recognition_models", "beartype", "pytest", "tensorflow"):
    sys.modules[name] = None  # an import of it fails
import au_jax
names = [module.name for module in pkgutil.walk_packages(au_jax.__path__, "au_jax.")]
for name in names:
    importlib.import_module(name)
print(len(names))
"""


def test_every_module_imports_without_the_extras():
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) > 10
