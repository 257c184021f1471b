"""Expected: the folder that the environment names, in a fresh process."""

import os
import subprocess
import sys

from tests.programs import ROOT

SCRIPT = """
import jax
import jax.numpy as jnp
from au_jax.runtime import compilation_cache

print(compilation_cache.use())
jax.jit(lambda x: jnp.sin(x) + 1)(jnp.ones(3))
"""


def run(**variables):
    kept = {k: v for k, v in os.environ.items() if "COMPILATION_CACHE" not in k}
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env=kept | variables | {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
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
