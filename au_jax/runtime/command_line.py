"""Parse the command line; a mistake is a `UserError` of one line.

Without this module, absl and ml_collections print a traceback for a misspelt override,
and ignore an argument without dashes.
"""

import ast
import os
import re
import sys
from collections.abc import Collection, Sequence
from typing import Any

from absl import flags
from ml_collections import ConfigDict

from au_jax.errors import UserError
from au_jax.runtime import config_files


def parse(
    argv: Sequence[str],
    required: Sequence[str] = (),
    flag_values: flags.FlagValues = flags.FLAGS,
    inputs: bool = False,
    may_be_empty: Sequence[str] = (),
) -> list[str]:
    """Parse the flags; this is a `flags_parser` for `absl.app.run`.

    Args:
        argv: The name and the arguments of the program.
        required: The flags that must be given.
        flag_values: The defined flags.
        inputs: True if arguments without dashes are inputs of the program.
        may_be_empty: The flags of text that mean something when they are empty.

    Returns:
        The name of the program and its inputs.

    Raises:
        UserError: the arguments have a mistake.
    """
    argv = [_with_home(argument) for argument in argv]
    config = load_config(argv) if "config" in flag_values else None
    keys = flatten(config) if config else {}
    for name in _overrides(argv) if config else ():
        _check_override(name, keys)
    argv = [_with_quotes(argument, keys) for argument in argv]
    try:
        rest = _parse_flags(argv, flag_values)
    except SystemExit:  # absl calls it a failure that it printed the help
        sys.exit(0)
    except flags.UnrecognizedFlagError as error:
        if f"config.{error.flagname}" in _flag_names(keys):
            hint = f"did you mean --config.{error.flagname}?"
            raise UserError(f"there is no --{error.flagname}; {hint}") from None
        raise UserError(config_files.one_line(error)) from None
    except flags.Error as error:
        raise UserError(config_files.one_line(error)) from None
    if len(rest) > 1 and not inputs:
        name = rest[1].partition("=")[0]
        known = {*flag_values, *_flag_names(keys)}
        near = next((n for n in (name, f"config.{name}") if n in known), "name")
        raise UserError(f"{rest[1]!r} is not a flag; write flags as --{near}=VALUE")
    for name in required:
        if flag_values[name].value in (None, ""):
            raise UserError(f"--{name}=... is missing: {flag_values[name].help}")
    for name in sorted({*flag_values} - {*may_be_empty, *_flag_names(keys)}):
        if flag_values[name].present and flag_values[name].value == "":
            raise UserError(f"--{name} is empty; give a value, or leave it out")
    return rest


def flatten(config: ConfigDict, prefix: str = "") -> dict[str, Any]:
    """Return every value and group by its full name, such as "optim.task.b1"."""
    flat = {}
    for name, value in config.items():
        flat[prefix + name] = value
        if isinstance(value, ConfigDict):
            flat |= flatten(value, f"{prefix}{name}.")
    return flat


def load_config(argv: Sequence[str]) -> ConfigDict | None:
    """Return the config that `--config` names, before any override, or None."""
    value = _config_value(argv)
    return None if value is None else config_files.load(value)


def _with_home(argument: str) -> str:
    """Expand the ~ of `--flag=~/folder`: shells leave it, and it would be a folder."""
    flag, equals, value = argument.partition("=")
    if flag.startswith("-") and (value == "~" or value.startswith("~/")):
        return flag + equals + os.path.expanduser(value)
    return argument


def _with_quotes(argument: str, keys: dict[str, Any]) -> str:
    """Quote the words of `--config.heads=grid,global`, whose last one is Python's own.

    The flag library reads a tuple as Python. Words that it cannot read, such as
    `global` or `val[:80%]`, would be a mistake beside others, but not alone.
    """
    flag, _, value = argument.partition("=")
    default = keys.get(re.sub(r"^--?config\.", "", flag))
    if not (isinstance(default, tuple) and all(isinstance(x, str) for x in default)):
        return argument
    if "," not in value or re.search(r"[\s'\"()]", value):
        return argument
    try:
        ast.literal_eval(value)
    except SyntaxError:
        return f"{flag}={tuple(filter(None, value.split(',')))}"
    except ValueError:  # words that the library leaves as they are
        pass
    return argument


def _config_value(argv: Sequence[str]) -> str | None:
    """Return the value of `--config=VALUE` or `--config VALUE`."""
    values = []
    for arg, after in zip(argv, [*argv[1:], None], strict=True):
        if match := re.fullmatch(r"--?config(?:=(.*))?", arg):
            values.append(after if match[1] is None else match[1])
    if len(values) > 1:  # absl would report the overrides as wrong
        raise UserError(f"--config is given {len(values)} times; give it once")
    return values[0] if values else None


def _parse_flags(argv: Sequence[str], flag_values: flags.FlagValues) -> list[str]:
    """Parse the flags; the flag library loads the config file a second time."""
    value = _config_value(argv)
    if value is None or "config" not in flag_values:
        return flag_values(argv)
    located = config_files.resolve(value)
    index = next(i for i, arg in enumerate(argv) if re.match(r"--?config(=|$)", arg))
    after = index + 1 if "=" in argv[index] else index + 2
    with config_files.importable(located):
        return flag_values([*argv[:index], f"--config={located}", *argv[after:]])


def _overrides(argv: Sequence[str]) -> list[str]:
    """Return the keys of all `--config.KEY=VALUE` and `--noconfig.KEY`."""
    matches = (re.match(r"--?(?:no)?config\.([^=]*)", arg) for arg in argv)
    return [match[1] for match in matches if match]


def _check_override(key: str, keys: dict[str, Any]) -> None:
    if isinstance(keys.get(key), ConfigDict):
        inside = [f"--config.{k}" for k in keys if k.rpartition(".")[0] == key]
        raise UserError(f"config.{key} is a group; it holds {', '.join(inside)}")
    if key in keys:
        return
    leaves = [name for name, value in keys.items() if not isinstance(value, ConfigDict)]
    same = [name for name in leaves if name.rpartition(".")[2] == key]
    if same:
        hint = f"; did you mean {' or '.join(f'--config.{name}' for name in same)}?"
    else:
        hint = config_files.did_you_mean(key, leaves, "--config.")
    top = ", ".join(name for name in keys if "." not in name)
    raise UserError(f"there is no --config.{key}{hint or f'; there are: {top}'}")


def _flag_names(keys: Collection[str]) -> set[str]:
    return {f"config.{key}" for key in keys}
