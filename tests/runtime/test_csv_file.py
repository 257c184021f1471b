"""Tables of text. Expected: the rows of the plain file, however it was saved."""

import os
import re

import pytest

from au_jax.errors import UserError
from au_jax.runtime.csv_file import header_problem, read_named

PLAIN = "path,skin\na.jpg,dark\nb é.jpg,\n"
ROWS = ((2, {"path": "a.jpg", "skin": "dark"}), (3, {"path": "b é.jpg", "skin": ""}))
LONG_NAME = b"x" * ((1 << 24) + 1)

SAVED = {
    "plain": lambda text: text.encode(),
    "semicolons": lambda text: text.replace(",", ";").encode(),
    "tabs": lambda text: text.replace(",", "\t").encode(),
    "byte-order mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "Windows line ends": lambda text: text.replace("\n", "\r\n").encode(),
    "old Mac line ends": lambda text: text.replace("\n", "\r").encode(),
    "quotes": lambda text: text.replace("a.jpg", '"a.jpg"').encode(),
    "blanks": lambda text: text.replace(",", " , ").encode(),
    "blank cells beyond the header": lambda text: (
        text.replace("\n", ",,\n").replace("skin,,", "skin").encode()
    ),
    "blank cells and lines at the end": lambda text: (
        text.replace("\n", ",,\n").encode() + b",,,\n\n"
    ),
}


@pytest.mark.parametrize(
    ("above", "lines"), [("\n \n", 2), ("sep=,\n", 1), ("SEP=;\r\n\r\n", 2), ("", 0)]
)
def test_lines_above_the_header(tmp_path, above, lines):
    file = tmp_path / "table.csv"
    file.write_text(above + PLAIN, newline="")
    found = read_named(file)
    assert found.columns == ("path", "skin")
    assert found.rows == tuple((at + lines, row) for at, row in ROWS)
    assert not header_problem(file)
    file.write_text(above + PLAIN + "c.jpg\n", newline="")
    with pytest.raises(UserError, match=f"line {4 + lines}: 1 cells"):
        read_named(file)


@pytest.mark.parametrize("how", SAVED)
def test_the_same_rows_however_saved(tmp_path, how):
    file = tmp_path / "table.csv"
    file.write_bytes(SAVED[how](PLAIN))
    found = read_named(file)
    assert [name for name in found.columns if name] == ["path", "skin"]
    rows = [(at, {k: v for k, v in row.items() if k}) for at, row in found.rows]
    assert rows == list(ROWS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"path,path\na,b\n", "its header has the column path twice"),
        (b"path,skin\na.jpg\n", "line 2: 1 cells, but the header names 2 columns"),
        (b"path\n\na.jpg,dark\n", "line 3: 2 cells, but the header names 1 columns"),
        (PLAIN.encode("utf-16-le"), "UTF-16 without its mark; save it as UTF-8"),
        (b'path,skin\n"' + b"a" * (1 << 24) + b"\n\n", "is a quote not closed"),
        (LONG_NAME, "line 1: field larger than field limit"),
        (b'"two\nlines","two\nlines"\n', r"its header has the column two\nlines twice"),
    ],
    ids=["twice", "short", "long", "UTF-16", "quote", "long name", "two lines"],
)
def test_a_table_that_cannot_be_read_is_one_line(tmp_path, content, message):
    file = tmp_path / "table.csv"
    file.write_bytes(content)
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        read_named(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_of_many_megabytes_is_a_problem_of_the_header(tmp_path):
    file = tmp_path / "table.csv"
    file.write_bytes(LONG_NAME)
    assert "field larger than field limit" in header_problem(file)


def test_an_empty_table_has_no_columns(tmp_path):
    (tmp_path / "empty.csv").touch()
    assert read_named(tmp_path / "empty.csv").columns == ()


@pytest.mark.timeout(20)
def test_pipes_and_devices_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    for name in ("pipe.csv", "zero.csv"):
        assert header_problem(tmp_path / name) == "not a regular file"
        with pytest.raises(OSError, match="not a regular file"):
            read_named(tmp_path / name)
