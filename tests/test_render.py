"""The program `render`: a wrong flag ends it with exit code 2 and one line."""

import pathlib
import subprocess
import sys

import pytest

from au_jax.data import metadata
from au_jax.data.split import open_split
from au_jax.errors import UserError
from au_jax.rendering import sets

ROOT = pathlib.Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--sets=faces_lap",), "there are faces_lab and faces_wild"),
        (("--sets=",), "--sets= is empty"),
        (("--size=0",), "--size must be above 0"),
        (("size=3",), "write flags as --size=VALUE"),
    ],
)
def test_a_mistake_is_named_in_one_line(tmp_path, arguments, message):
    program = [sys.executable, "-m", "au_jax.render", f"--data_dir={tmp_path / 'out'}"]
    result = subprocess.run(
        [*program, *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 2, result.stderr
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_training_names_the_program_that_makes_the_sets(tmp_path):
    assert set(metadata.RENDERED) == set(sets.PLANS)
    with pytest.raises(UserError, match=r"au_jax\.render --data_dir"):
        open_split(tmp_path, "faces_lab", "train", (1,))
