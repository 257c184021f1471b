"""Configs by name and by file, from any folder. Expected: the values in configs/."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ml_collections import ConfigDict

from au_jax.errors import UserError
from au_jax.runtime import config_files
from tests.mistakes import attempt
from tests.programs import ROOT

NAMES = sorted(path.stem for path in (ROOT / "configs").glob("*.py"))

BUILDS_ON_JOINT = """
from configs import joint

def get_config(variant=""):
    config = joint.get_config("tiny")
    config.seed = 42
    return config
"""


def load(value: str) -> Any:
    """Return the config, untyped."""
    return config_files.load(value)


@pytest.mark.parametrize("name", NAMES)
def test_a_packaged_config_loads_by_name_in_any_folder(name, tmp_path, monkeypatch):
    by_path = load(str(ROOT / "configs" / f"{name}.py"))
    monkeypatch.chdir(tmp_path)
    assert load(name).to_dict() == by_path.to_dict()


def test_the_names_are_those_of_the_folder():
    assert config_files.names() == NAMES
    assert "joint" in NAMES


def test_a_variant_follows_the_name():
    assert load("joint:tiny").model.width == 0.125
    assert load("ablation:A,tiny").stages == ("joint", "finetune")
    assert load("ablation:tiny") == load("ablation:C,tiny")


def test_a_file_of_the_user_builds_on_a_packaged_config(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(BUILDS_ON_JOINT)
    config = load(str(file))
    assert (config.seed, config.model.width) == (42, 0.125)


def test_a_file_beside_the_config_comes_before_a_packaged_one(tmp_path):
    (tmp_path / "mine.py").write_text(BUILDS_ON_JOINT)
    (tmp_path / "joint.py").write_text(
        textwrap.dedent("""
            from ml_collections import ConfigDict

            def get_config(variant=""):
                return ConfigDict({"seed": 1, "mine": True})
        """)
    )
    assert load(str(tmp_path / "mine.py")).to_dict() == {
        "seed": 42,
        "mine": True,
    }


def test_a_file_with_the_name_of_a_packaged_config_builds_on_it(tmp_path):
    file = tmp_path / "joint.py"
    file.write_text(BUILDS_ON_JOINT)
    assert load(str(file)).seed == 42


def test_modules_named_configs_are_untouched(tmp_path, monkeypatch):
    # The user's program happens to have a package of the same name.
    monkeypatch.setitem(sys.modules, "configs", pytest)
    monkeypatch.setitem(sys.modules, "configs.joint", os)
    assert load("adld:tiny").loss.cross_cycle == 40.0
    assert sys.modules["configs"] is pytest
    assert sys.modules["configs.joint"] is os
    file = tmp_path / "broken.py"
    file.write_text("from configs import joint\nraise ValueError('broken')")
    with pytest.raises(UserError, match="broken"):
        load(str(file))
    assert sys.modules["configs"] is pytest
    assert sys.modules["configs.joint"] is os


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "jiont:tiny",
            "--config=jiont:tiny: there is no config named 'jiont'; did you mean"
            f" joint?; give one of {', '.join(NAMES)}, or the path of a file, NAME.py",
        ),
        (
            "elsewhere/joint.py:tiny",
            "--config=elsewhere/joint.py:tiny: there is no file elsewhere/joint.py;"
            " did you mean --config=joint:tiny?",
        ),
        (
            "joint:tinny",
            "--config=joint:tinny: joint.py has no variant 'tinny'; it has: demo, tiny",
        ),
    ],
)
def test_a_wrong_name_is_one_line(value, message):
    with pytest.raises(UserError) as caught:
        load(value)
    assert str(caught.value) == message


def test_an_import_that_does_not_exist_is_one_line(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("from configs import nothing")
    with pytest.raises(UserError, match=r"mine.py: cannot import name 'nothing'"):
        load(str(file))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "def get_config():\n    return absent",
            "NameError: name 'absent'",
        ),
        ("1 / 0", "line 1: ZeroDivisionError: division by zero"),
        ("{}['a']", "KeyError: 'a'"),
        ("import absent_package", "No module named 'absent_package'"),
        ("exit(3)", "SystemExit: 3"),
        ("def get_config():\n    return get_config()", "RecursionError"),
        ("def get_config():\n    return 3", "returns no ConfigDict"),
        ("def get_config(:", "line 1: "),
    ],
)
def test_a_mistake_in_a_config_file_is_one_line(text, said, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(text)
    with pytest.raises(UserError) as caught:
        load(str(file))
    assert str(caught.value).startswith(f"--config={file}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


# The flag library loads the file a second time to define the overrides' flags.
SHOW_CONFIG = """
import sys
from absl import flags
from ml_collections import config_flags
from au_jax.runtime import command_line
config_flags.DEFINE_config_file("config", None, "the experiment", lock_config=True)
command_line.parse(sys.argv)
config = flags.FLAGS.config
print(config.stages, config.seed, config.loss.cross_cycle)
assert "configs" not in sys.modules
"""


def run_elsewhere(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("--config=adld:tiny", "--config.seed=7"),
        ("--config", "adld:tiny", "--config.seed", "7"),
        (f"--config={ROOT}/configs/adld.py:tiny", "--config.seed=7"),
    ],
)
def test_flags_override_a_config_that_imports_another(arguments, tmp_path):
    (tmp_path / "show.py").write_text(SHOW_CONFIG)
    done = run_elsewhere(tmp_path, "show.py", *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "('joint',) 7 40.0\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "--workdir=x"),
        ("benchmark", "--what=train"),
        ("export", "--adld=x", "--out=x"),
    ],
)
def test_programs_name_the_configs_in_their_error(arguments, tmp_path):
    done = run_elsewhere(tmp_path, "-m", "au_jax", *arguments, "--config=jont")
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: --config=jont: there is no config named 'jont';")
    assert not any(tmp_path.iterdir())


LINES = st.sampled_from(
    [
        "from configs import joint",
        "from ml_collections import ConfigDict",
        "def get_config(variant=''):",
        "    return joint.get_config(variant)",
        "    return ConfigDict({'a': 1})",
        "    raise OSError(28, 'No space left on device')",
        "get_config = 3",
        "raise StopIteration",
        "\x00",
        "é = '\udcff'",
        "assert False",
        "   x",
        "if True:",
    ]
)


@settings(max_examples=80, deadline=None)
@given(st.lists(LINES, max_size=5).map("\n".join))
def test_any_config_file_is_a_config_or_one_line(tmp_path_factory, text):
    file = tmp_path_factory.mktemp("configs") / "mine.py"
    file.write_bytes(text.encode(errors="surrogateescape"))
    config, message = attempt(load, str(file))
    assert message.startswith(f"--config={file}: ") or isinstance(config, ConfigDict)
