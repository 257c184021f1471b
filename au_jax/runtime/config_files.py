"""Configs by name (`joint:demo`) or by file (`configs/joint.py:demo`).

An installed package carries the configs of the project, so `--config=joint:demo` works
in any folder. A config may build on another one with `from configs import joint`; the
package `configs` exists only while a config is loaded.
"""

import contextlib
import difflib
import importlib
import sys
import traceback
from collections.abc import Collection, Iterator
from pathlib import Path
from types import ModuleType

from ml_collections import ConfigDict
from ml_collections.config_flags.config_flags import ConfigFileFlagParser

from au_jax.errors import UserError

_PACKAGE = Path(__file__).parents[1]
# A wheel holds the configs inside the package; in a checkout they lie beside it.
_FOLDERS = (_PACKAGE / "configs", _PACKAGE.parent / "configs")
PACKAGED = next((folder for folder in _FOLDERS if folder.is_dir()), _FOLDERS[0])


def names() -> list[str]:
    """Return the names of the packaged configs."""
    return sorted(
        path.stem for path in PACKAGED.glob("*.py") if path.stem.isidentifier()
    )


def resolve(value: str) -> str:
    """Return a value of `--config` with the path of its file in place of a name.

    Args:
        value: "NAME" or "PATH", either with ":VARIANT" behind it. A word without a path
            separator and without ".py" is the name of a packaged config.

    Raises:
        UserError: There is no config of this name, or no such file.
    """
    name, colon, variant = value.partition(":")
    if not name.endswith(".py") and Path(name).name == name:
        if name not in names():
            raise UserError(
                f"--config={value}: there is no config named {name!r}"
                f"{did_you_mean(name, names())}; give one of {', '.join(names())},"
                " or the path of a file, NAME.py"
            )
        return f"{PACKAGED / name}.py{colon}{variant}"
    path = Path(name)
    if not path.is_file():
        hint = did_you_mean(str(path), [str(p) for p in path.parent.glob("*.py")])
        if not hint and path.stem in names():
            hint = f"; did you mean --config={path.stem}{colon}{variant}?"
        raise UserError(f"--config={value}: there is no file {path}{hint}")
    return value


def load(value: str) -> ConfigDict:
    """Return the config that a value of `--config` stands for, before any override.

    Raises:
        UserError: The config does not exist, or its file has a mistake.
    """
    located = resolve(value)
    try:
        with importable(located):
            config = ConfigFileFlagParser("config").parse(located)
    except SyntaxError as error:
        where = f"{error.filename}, line {error.lineno}"
        raise UserError(f"--config={value}: {where}: {error.msg}") from None
    except ImportError as error:
        raise UserError(f"--config={value}: {one_line(error)}") from None
    except (ValueError, TypeError) as error:
        # The message of the library contains a traceback; its cause is the file's.
        cause = error.__context__ or error
        raise UserError(f"--config={value}: {one_line(cause)}") from None
    except (Exception, SystemExit) as error:  # the file is a program of the user's
        text = f"{type(error).__name__}: {one_line(error)}"
        raise UserError(f"--config={value}: {_line_of(error, located)}{text}") from None
    if not isinstance(config, ConfigDict):
        raise UserError(f"--config={value}: its get_config() returns no ConfigDict")
    return config


@contextlib.contextmanager
def importable(located: str) -> Iterator[None]:
    """Let a config file import others with `from configs import NAME`.

    The files beside the config come first, then the packaged ones. A file that has the
    name of a packaged config gets that config, not itself. Modules called `configs`
    that were imported before are put back at the end.

    Args:
        located: A result of `resolve`.
    """
    path = Path(located.partition(":")[0]).resolve()
    before = _take_modules()
    package = ModuleType("configs")
    package.__path__ = [str(PACKAGED)]
    sys.modules["configs"] = package
    try:
        if path.stem in names() and path.parent != PACKAGED.resolve():
            importlib.import_module(f"configs.{path.stem}")
        package.__path__ = [str(path.parent), str(PACKAGED)]
        yield
    finally:
        _take_modules()
        sys.modules.update(before)


def did_you_mean(name: str, known: Collection[str], prefix: str = "") -> str:
    """Return "; did you mean NAME?" for the nearest known name, or nothing."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {prefix}{near[0]}?" if near else ""


def one_line(error: BaseException | None) -> str:
    """Return the message of an exception without line breaks."""
    return " ".join(str(error).split())


def _line_of(error: BaseException, located: str) -> str:
    """Return "line N: " for the line of the config file that failed, or nothing."""
    file = located.partition(":")[0]
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f.lineno for f in frames if Path(f.filename).name == Path(file).name]
    return f"line {lines[-1]}: " if lines else ""


def _take_modules() -> dict[str, ModuleType]:
    """Remove `configs` and its modules from `sys.modules`, and return them."""
    loaded = [name for name in sys.modules if name.partition(".")[0] == "configs"]
    return {name: sys.modules.pop(name) for name in loaded}
