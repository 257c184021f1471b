"""What a set says of itself. Expected: the metadata that each test gives."""

import json

import pytest

from au_jax.data import metadata
from au_jax.data.split import open_split
from tests.synthetic import write_prepared


class Info:
    """What TFDS knows of a set of which somebody may have changed the folder's name."""

    def __init__(self, name, **stored):
        self.name, self.metadata = name, {"aus": [1, 12], **stored}


@pytest.mark.parametrize(
    ("folder", "info", "dataset", "licensed"),
    [
        ("mine", Info("bp4d", dataset="bp4d"), "bp4d", "bp4d"),
        ("mine", Info("folder", dataset="folder"), "folder", ""),
        # Of older versions: the name, but what was read named the records.
        ("bp4d", Info("bp4d"), "", "bp4d"),
        ("studio", Info("studio"), "", ""),
        ("studio", Info("bp4d"), "bp4d", "bp4d"),
    ],
)
def test_the_raw_set_is_known_by_any_name(tmp_path, folder, info, dataset, licensed):
    found = metadata.read(tmp_path / folder / "1.0.0", info)
    assert (found.name, found.dataset, found.aus) == (folder, dataset, (1, 12))
    assert found.licensed_as == licensed


def test_parts_of_a_split_have_its_rule(tmp_path):
    info = Info("bp4d", split_rules={"val": "bp4d-adld", "train": "\x1b[2J"})
    found = metadata.read(tmp_path / "bp4d" / "1.0.0", info)
    assert found.split_rule("val") == found.split_rule("val[:80%]") == "bp4d-adld"
    assert found.split_rule("train") == "\\x1b[2J"
    assert not found.split_rule("test")


def test_splits_know_what_was_read(tmp_path):
    for name in ("mine", "other"):
        folder = write_prepared(tmp_path, name, {"test": 2})
        file = tmp_path / name / "1.0.0" / metadata.FILE
        stored = json.loads(file.read_text())
        if name == "mine":
            stored |= {"dataset": "bp4d", "split_rules": {"test": "bp4d-adld"}}
        file.write_text(json.dumps(stored))
        assert folder
    mine, other, both = (
        open_split(tmp_path, name, "test", (1,))
        for name in ("mine", "other", "other+mine")
    )
    (part,) = mine.parts
    assert (part.name, part.dataset, part.split_rule) == ("mine", "bp4d", "bp4d-adld")
    assert (mine.licensed, other.licensed, both.licensed) == (True, False, True)
