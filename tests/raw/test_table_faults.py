"""Label files of every set, as spreadsheets and editors save them.

Expected: the rows of the plain file for every separator, line end and encoding. A file
that is not text, or names a column twice, gives no rows.
"""

import functools
import os
import re

import pytest

from au_jax.errors import UserError
from au_jax.raw import bp4d, disfa, emotionet, folder, lists, rafau
from au_jax.raw.label_table import header_problem
from au_jax.raw.row import Row
from tests import raw_trees

READERS = {
    "bp4d": (raw_trees.write_bp4d, bp4d.read, "AUCoding/AU_OCC/*.csv"),
    "emotionet": (raw_trees.write_emotionet, emotionet.read, "*.csv"),
    "emotionet lists": (raw_trees.write_emotionet, emotionet.read, "dataFile*.txt"),
    "disfa": (raw_trees.write_disfa, disfa.read, "ActionUnit_Labels/*/*.txt"),
    "rafau": (raw_trees.write_rafau, rafau.read, "RAFAU_label.txt"),
    "lists": (
        raw_trees.write_lists,
        functools.partial(lists.read, aus=(1, 12)),
        "BP4D_*.txt",
    ),
    "folder": (raw_trees.write_folder, folder.read, "labels.csv"),
}


def outcome(read):
    """Return the items, or the line that ends the run."""
    try:
        return list(read()), ""
    except UserError as error:
        return [], str(error)


SAVED = {
    "semicolons": lambda text: text.replace(",", ";").encode(),
    "tabs": lambda text: text.replace(",", "\t").encode(),
    "byte-order mark": lambda text: text.encode("utf-8-sig"),
    "Windows line ends": lambda text: text.replace("\n", "\r\n").encode(),
    "old Mac line ends": lambda text: text.replace("\n", "\r").encode(),
    "UTF-16": lambda text: text.encode("utf-16"),
    "no last line end": lambda text: text.rstrip("\n").encode(),
    "blank lines at the end": lambda text: (text + "\n\n  \n").encode(),
}


@pytest.fixture(params=READERS)
def tree(request, tmp_path):
    write, read, pattern = READERS[request.param]
    write(tmp_path)
    return functools.partial(read, tmp_path, 0), sorted(tmp_path.glob(pattern))


def change(files, how):
    for file in files:
        text = file.read_bytes().decode().replace("\r\n", "\n")
        file.write_bytes(how(text))


@pytest.mark.parametrize("how", SAVED)
def test_the_same_rows_however_saved(tree, how):
    read, files = tree
    plain = list(read())
    assert all(isinstance(item, Row) for item in plain)
    assert len(plain) >= 4
    assert files
    change(files, SAVED[how])
    assert list(read()) == plain


@pytest.mark.parametrize(
    "how",
    [lambda text: text.encode("utf-16-le"), lambda _: bytes(range(256)) * 20],
    ids=["UTF-16 without its mark", "no text"],
)
def test_a_file_that_is_not_text_is_named_and_gives_no_row(tree, how):
    read, files = tree
    plain = {item.path: item for item in read()}
    change(files, how)
    items, message = outcome(read)
    assert not message or str(files[0].parent) in message
    assert not message or "save it as UTF-8" in message
    assert "\n" not in message
    if message:
        return
    bad = {item.path for item in items if not isinstance(item, Row)}
    assert {file.name for file in files} <= {path.rpartition("/")[2] for path in bad}
    assert all(plain[i.path] == i for i in items if isinstance(i, Row))
    assert len(items) > sum(isinstance(item, Row) for item in items)


@pytest.mark.parametrize("name", ["bp4d", "emotionet", "folder"])
def test_a_repeated_column_of_an_au(tmp_path, name):
    write, read, pattern = READERS[name]
    write(tmp_path)
    again = lambda line: f"{line},{line.rpartition(',')[2]}"
    files = sorted(tmp_path.glob(pattern))
    change(files, lambda text: "\n".join(map(again, text.split("\n")[:-1])).encode())
    items, message = outcome(functools.partial(read, tmp_path, 0))
    assert not message or re.search("AU 1.* twice", message)
    if message:
        return
    rejects = [item for item in items if not isinstance(item, Row)]
    assert {file.name for file in files} <= {item.path for item in rejects}
    assert not any(item.aus for item in items if isinstance(item, Row))


@pytest.mark.parametrize("name", ["bp4d", "emotionet", "folder"])
def test_a_missing_column_is_an_uncoded_au(tmp_path, name):
    write, read, pattern = READERS[name]
    write(tmp_path)
    plain = {item.path: item.aus for item in read(tmp_path, 0)}

    def without_au_1(text):
        lines = [line.split(",") for line in text.split("\n") if line]
        at = next(i for i, c in enumerate(lines[0]) if c in ("1", "AU1", "'AU 1'"))
        return "\n".join(
            ",".join(line[:at] + line[at + 1 :]) for line in lines
        ).encode()

    change(sorted(tmp_path.glob(pattern)), without_au_1)
    items = list(read(tmp_path, 0))
    assert {item.path: item.aus for item in items} == {
        path: {au: on for au, on in aus.items() if au != 1}
        for path, aus in plain.items()
    }


@pytest.mark.timeout(20)
def test_pipes_and_devices_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    for name in ("pipe.csv", "zero.csv"):
        assert header_problem(tmp_path / name) == "not a regular file"
