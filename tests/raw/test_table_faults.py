"""Label files of every set, as spreadsheets and editors save them.

Expected: the rows of the plain file for every separator, line end and encoding. A file
that is not text, or names a column twice, gives no rows.
"""

import functools
import os
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from au_jax.raw import bp4d, disfa, emotionet, folder, lists, rafau
from au_jax.raw.row import Reject, Row
from tests import raw_trees
from tests.mistakes import attempt

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
    items, message = attempt(lambda: list(read()))
    return items or [], message


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


NUMBERS = st.sampled_from(["0", "1", "9", "2", "", "NA", "1e400", "-1", "0" * 400])
NAMES = st.sampled_from(["path", "AU1", "AU 2", "frame", "URL", "http://x/N_1/1.jpg"])
CELLS = NUMBERS | NAMES | st.sampled_from(['"', "'", "\u0000", "é", "a.jpg"])
TABLE = st.lists(st.lists(CELLS, max_size=6).map(",".join), max_size=6)
CONTENT = st.binary(max_size=300) | TABLE.map("\n".join).map(str.encode)


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(sorted(READERS)), content=CONTENT, keep=st.booleans())
def test_any_content_gives_rows_and_reasons_or_one_line(
    tmp_path_factory, name, content, keep
):
    """Expected of each row: labels of known AUs, a split, a frame that fits int32."""
    raw = tmp_path_factory.mktemp("raw")
    write, read, pattern = READERS[name]
    write(raw)
    file = sorted(raw.glob(pattern))[0]
    file.write_bytes(file.read_bytes() + content if keep else content)
    items, _ = outcome(functools.partial(read, raw, 0))
    for item in items:
        if isinstance(item, Row):
            assert item.split in ("train", "val", "test")
            assert 0 <= item.frame < 2**31
            assert all(type(on) is bool and 0 < au < 100 for au, on in item.aus.items())


@pytest.mark.parametrize("frame", ["100000000000000000000000", "2147483648", "-1", "x"])
@pytest.mark.parametrize("name", ["bp4d", "disfa", "folder"])
def test_a_frame_that_no_record_can_hold_is_a_reason(tmp_path, name, frame):
    write, read, pattern = READERS[name]
    write(tmp_path)
    file = sorted(tmp_path.glob(pattern))[0]
    lines = file.read_text().splitlines()
    cells = lines[-1].split(",")
    if name == "folder":
        lines = [f"{line},{'frame' if i == 0 else 1}" for i, line in enumerate(lines)]
        cells = lines[-1].split(",")
        cells[-1] = frame
    else:
        cells[0] = frame
    file.write_text("\n".join([*lines[:-1], ",".join(cells)]) + "\n")
    items, message = outcome(functools.partial(read, tmp_path, 0))
    assert not message
    rejects = [item for item in items if isinstance(item, Reject)]
    assert any("frame" in item.detail for item in rejects)
    assert all(item.frame < 2**31 for item in items if isinstance(item, Row))


def test_a_cell_of_many_megabytes_is_one_line(tmp_path):
    raw_trees.write_folder(tmp_path)
    table = tmp_path / "labels.csv"
    table.write_text(table.read_text() + '"' + "x" * (1 << 25))
    _, message = outcome(functools.partial(folder.read, tmp_path, 0))
    assert "is a quote not closed?" in message


def test_a_table_larger_than_any_release_is_one_line(tmp_path):
    raw_trees.write_folder(tmp_path)
    os.truncate(tmp_path / "labels.csv", 40 << 30)  # a sparse file
    _, message = outcome(functools.partial(folder.read, tmp_path, 0))
    assert "42,950 MB, and at most 1,074 MB are read" in message


def test_files_that_macos_adds_change_nothing(tree, tmp_path):
    """On other disks it puts ._x beside every file x."""
    read, _ = tree
    plain = list(read())
    for file in [file for file in tmp_path.rglob("*") if file.is_file()]:
        file.with_name(f"._{file.name}").write_bytes(b"\0\5\x16\7Mac OS X")
    assert list(read()) == plain
