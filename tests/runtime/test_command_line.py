"""Flags and config overrides. Expected: the values given, or one line."""

import pathlib
from typing import Any

import pytest
from absl import flags
from ml_collections import config_flags

from au_jax.errors import UserError
from au_jax.runtime import command_line

ROOT = pathlib.Path(__file__).parents[2]
CONFIG = "--config=configs/joint.py:tiny"


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)


def parse(*arguments: str) -> Any:  # a ConfigDict, typed for one level only
    argv = ["main", *arguments]
    values = flags.FlagValues()
    config_flags.DEFINE_config_file(
        "config", None, "The experiment.", flag_values=values, sys_argv=argv
    )
    flags.DEFINE_string("workdir", None, "A folder.", flag_values=values)
    flags.DEFINE_string("beam", None, "Options.", flag_values=values)
    command_line.parse(argv, ("config",), values, may_be_empty=("beam",))
    return values.config


def test_right_flags_are_taken():
    config = parse(
        CONFIG,
        "--workdir=x",
        "--beam=",
        "--config.init_from=",
        "--config.optim.task.learning_rate=5e-5",
        "--config.data.aus=1,2",
        "--config.model.remat",
        "--config.stages=landmarks",
        "--config.stages=joint",
    )
    assert config.optim.task.learning_rate == 5e-5
    assert config.data.aus == (1, 2)
    assert config.model.remat is True
    assert config.stages == ("landmarks", "joint")
    assert config.is_locked


def test_words_that_are_no_names_in_python_need_no_quotes():
    splits = parse(CONFIG, "--config.data.target_splits=val[:80%],val[80%:]")
    assert splits.data.target_splits == ("val[:80%]", "val[80%:]")
    heads = parse("--config=compare", "--config.heads=grid,global,landmarks").heads
    assert heads == ("grid", "global", "landmarks")
    assert parse("--config=compare", "--config.seeds=1,2").seeds == (1, 2)
    with pytest.raises(UserError, match="Error while parsing string: 01,02"):
        parse(CONFIG, "--config.data.aus=01,02")


def test_flag_and_value_may_be_two_arguments():
    config = parse("--config", "configs/joint.py:tiny", "--config.seed", "4")
    assert config.seed == 4


def test_the_home_folder_may_be_written_as_a_tilde(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    options = ("--config.data.data_dir=~/sets", "--config.init_from=~")
    config = parse(CONFIG, "--config.data.source=~x", *options)
    assert config.data.data_dir == "/home/me/sets"
    assert config.init_from == "/home/me"
    assert config.data.source == "~x"


@pytest.mark.parametrize(
    ("argument", "line"),
    [
        (
            "--config.optim.task.learning_rte=1",
            "there is no --config.optim.task.learning_rte;"
            " did you mean --config.optim.task.learning_rate?",
        ),
        (
            "--config.optm.task.learning_rate=1",
            "there is no --config.optm.task.learning_rate;"
            " did you mean --config.optim.task.learning_rate?",
        ),
        (
            "--config.crop=128",
            "there is no --config.crop; did you mean --config.data.crop?",
        ),
        (
            "--config.b1=.5",
            "there is no --config.b1; did you mean --config.optim.discriminator.b1"
            " or --config.optim.generator.b1 or --config.optim.task.b1?",
        ),
        (
            "--config.data.aus[0]=3",
            "there is no --config.data.aus[0]; did you mean --config.data.aus?",
        ),
        (
            "--config.optim=5",
            "config.optim is a group; it holds --config.optim.discriminator,"
            " --config.optim.generator, --config.optim.task",
        ),
        (
            "--config.seed=abc",
            "flag --config.seed=abc: invalid literal for int() with base 10: 'abc'",
        ),
        (
            "--config.loss.au=high",
            "flag --config.loss.au=high: could not convert string to float: 'high'",
        ),
        ("--seed=5", "there is no --seed; did you mean --config.seed?"),
        (
            "seed=5",
            "'seed=5' is not a flag; write flags as --config.seed=VALUE",
        ),
        (
            "workdir=x",
            "'workdir=x' is not a flag; write flags as --workdir=VALUE",
        ),
        (
            "--workdir=",
            "--workdir is empty; give a value, or leave it out",
        ),
        (
            "--wrkdir=x",
            "Unknown command line flag 'wrkdir'. Did you mean: workdir ?",
        ),
    ],
)
def test_a_wrong_flag_is_one_line(argument: str, line: str):
    with pytest.raises(UserError) as caught:
        parse(CONFIG, argument)
    assert str(caught.value) == line


def test_a_second_config_is_refused():
    with pytest.raises(UserError, match="--config is given 2 times; give it once"):
        parse(CONFIG, CONFIG)


def test_a_key_unlike_any_other_lists_the_top_level():
    with pytest.raises(UserError, match=r"no --config\.zz; there are: .*, seed, .*"):
        parse(CONFIG, "--config.zz=1")


@pytest.mark.parametrize(
    ("argument", "line"),
    [
        (
            "--config=configs/jont.py:tiny",
            "--config=configs/jont.py:tiny: there is no file configs/jont.py;"
            " did you mean configs/joint.py?",
        ),
        (
            "--config=configs/joint.py:tinny",
            "--config=configs/joint.py:tinny: joint.py has no variant 'tinny';"
            " it has: demo, tiny",
        ),
        ("--workdir=x", "--config=... is missing: The experiment."),
    ],
)
def test_wrong_config_is_one_line(argument: str, line: str):
    with pytest.raises(UserError) as caught:
        parse(argument)
    assert str(caught.value) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("def get_config(:", "line 1: invalid syntax"),
        ("def get_config(): return 5", "its get_config() returns no ConfigDict"),
    ],
)
def test_broken_config_file_is_one_line(tmp_path, text: str, line: str):
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(UserError) as caught:
        parse(f"--config={tmp_path / 'mine.py'}")
    assert str(caught.value).endswith(line)
    assert "\n" not in str(caught.value)
