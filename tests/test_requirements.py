"""The pinned requirement files: complete, without addresses, and up to date."""

import pathlib
import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = pathlib.Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = {
    "base": (),
    "faces": ("faces",),
    "cuda12": ("cuda12",),
    "cuda13": ("cuda13",),
    "onnx": ("onnx",),
    "test": ("faces", "test"),
    "lowest": ("faces", "test"),
}


def _pins(name: str) -> list[Requirement]:
    lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    return [Requirement(line) for line in lines if not line.startswith("#")]


def _asked(name: str) -> list[Requirement]:
    extras = PROJECT["optional-dependencies"]
    lines = [PROJECT["dependencies"], *(extras[extra] for extra in EXTRAS[name])]
    return [Requirement(line) for part in lines for line in part]


def test_there_is_one_file_per_set_of_extras():
    files = {path.name for path in (ROOT / "requirements").iterdir()}
    assert files == {f"{name}.txt" for name in EXTRAS}


@pytest.mark.parametrize("name", EXTRAS)
def test_file_holds_pins_only_and_no_address(name):
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    assert not re.search(r"://|^\s*-|\bfile:|\.whl|\.tar", text, re.MULTILINE)
    for pin in _pins(name):
        assert pin.url is None, pin
        assert re.fullmatch(r"==[\w.+!]+", str(pin.specifier)), pin


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize(
    "machine", [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64")]
)
@pytest.mark.parametrize("name", EXTRAS)
def test_file_pins_what_pyproject_asks_for(name, machine, python):
    """Fails if pyproject.toml changed and launch/lock.sh did not run afterwards."""
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": machine[0],
        "platform_machine": machine[1],
    }

    def applies(requirement: Requirement) -> bool:
        marker = requirement.marker
        return marker is None or marker.evaluate(environment)

    pins: dict[str, str] = {}
    for pin in filter(applies, _pins(name)):
        key = canonicalize_name(pin.name)
        assert key not in pins, f"{pin.name} is pinned twice"
        pins[key] = str(pin.specifier).removeprefix("==")
    for asked in filter(applies, _asked(name)):
        key = canonicalize_name(asked.name)
        assert key in pins, f"{asked} is not pinned: run launch/lock.sh"
        assert asked.specifier.contains(pins[key]), f"{asked} against {pins[key]}"
