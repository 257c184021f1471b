"""Expected: the folder that the environment names, in a fresh process."""

import os
import subprocess
import sys

import pytest

from tests.programs import ROOT

SCRIPT = """
import jax
import jax.numpy as jnp
from au_jax.runtime import compilation_cache

print(compilation_cache.use())
jax.jit(lambda x: jnp.sin(x) + 1)(jnp.ones(3))
"""


def run(before="", **variables):
    kept = {k: v for k, v in os.environ.items() if "COMPILATION_CACHE" not in k}
    ended = subprocess.run(
        [sys.executable, "-c", before + SCRIPT],
        cwd=ROOT,
        env=kept | variables | {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert not ended.stderr
    return ended.stdout.strip()


def test_programs_are_kept_in_the_users_cache(tmp_path):
    folder = tmp_path / "au_jax" / "xla"
    assert run(XDG_CACHE_HOME=str(tmp_path)) == str(folder)
    kept = {file.name for file in folder.iterdir() if file.name.endswith("-cache")}
    assert kept
    run(XDG_CACHE_HOME=str(tmp_path))
    again = {file.name for file in folder.iterdir() if file.name.endswith("-cache")}
    assert again == kept


def test_the_users_own_folder_is_kept(tmp_path):
    mine = tmp_path / "mine"
    output = run(XDG_CACHE_HOME=str(tmp_path), JAX_COMPILATION_CACHE_DIR=str(mine))
    assert output == "None"
    assert not (tmp_path / "au_jax").exists()


def test_a_home_that_is_not_writable(tmp_path):
    (tmp_path / "file").write_text("")
    assert run(XDG_CACHE_HOME=str(tmp_path / "file")) == "None"


@pytest.mark.parametrize(
    ("function", "error"),
    [
        ("pathlib.Path.home", "RuntimeError('Could not determine home directory.')"),
        ("tempfile.TemporaryFile", "PermissionError(13, 'Permission denied')"),
    ],
)
def test_users_without_a_home_or_a_folder_of_their_own(tmp_path, function, error):
    """In containers, a home may be unknown, and the folder that of another user."""
    before = f"""
import pathlib, tempfile

def refuse(**arguments):
    raise {error}

{function} = refuse
"""
    home = {"XDG_CACHE_HOME": ""} if "home" in function else {}
    assert run(before, **{"XDG_CACHE_HOME": str(tmp_path)} | home) == "None"
