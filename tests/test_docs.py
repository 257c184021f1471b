"""Every file and heading that the documentation names exists."""

import re
from typing import Any

import pytest

from tests.programs import ROOT

PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").glob("*.md"),
]
PAGES = [page for page in PAGES if page.name != "CHANGELOG.md"]
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]*\.(?:py|json|npz|sh|slurm|yaml|txt|toml))`")
ANY_PATH = re.compile(
    r"(?<![\w/.])(?:au_jax|configs|docs|launch|requirements|tests)/[\w./-]*\w\.\w+"
)


def headings(page) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    lines = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", s.lower()).replace(" ", "-") for s in lines}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in LINK.findall(page.read_text()):
        if re.match(r"\w+:", target):
            continue  # on the Internet
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), target
        assert not anchor or anchor in headings(linked), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_exist(page):
    text = page.read_text()
    made = (
        *("prepared/", "runs/", "results/", "openface/", "tensorboard/"),
        "validations/",
    )
    for path in {*PATH.findall(text), *ANY_PATH.findall(text)}:
        if path.startswith(made) or re.search("NAME|FOLDER|MODULE", path):
            continue
        places = (ROOT / path, ROOT / "au_jax" / path, page.parent / path)
        assert any(place.exists() for place in places), path


def test_the_readme_fits_its_size():
    assert (ROOT / "README.md").read_text().count("\n") <= 150


def test_commands_name_programs_and_configs_that_exist():
    from au_jax.__main__ import PROGRAMS
    from au_jax.runtime.config_files import names

    for page in PAGES:
        text = page.read_text()
        assert set(re.findall(r"au-jax ([a-z]+)", text)) <= {*PROGRAMS}, page
        named = set(re.findall(r"--config=([a-z_]+)\b(?!\.py)", text))
        assert named <= {*names()}, page


def test_the_citation_has_the_version_of_the_package():
    from au_jax import __version__

    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_commands_of_benchmarks_set_the_stage_that_they_measure():
    from au_jax.benchmarking.run import main_stage
    from au_jax.runtime.config_files import load

    commands = [
        command
        for page in PAGES
        for command in re.findall(
            r"au-jax benchmark((?:[^\n`]*\\\n)*[^\n`]*)", page.read_text()
        )
    ]
    assert len(commands) > 4
    for command in commands:
        named = re.search(r"--config=(\w+)", command)
        if not named:
            continue  # the program is named, not called
        config: Any = load(named[1])
        chosen = re.search(r"--stage=(\w+)", command)
        measured = chosen[1] if chosen else main_stage(config.stages)
        changed = set(re.findall(r"--config\.(\w+)\.batch_size", command))
        assert changed <= {measured}, command
