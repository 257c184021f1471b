"""Expected: the labels of the CSV file, and the columns of the release."""

import contextlib
import csv
import zipfile
from pathlib import PurePosixPath

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from au_jax.errors import UserError
from au_jax.raw import emotionet_labels
from au_jax.raw.emotionet_labels import labelled, tables
from tests.raw.test_emotionet import name, of, path, read
from tests.raw_trees import emotionet_table, url, write_emotionet, write_picture


def as_sheets(file, sheets):
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(file)


def test_the_spreadsheet_of_the_release_equals_its_csv(tmp_path):
    """The cells are the same, including quotes in the header and in URLs."""
    raw = write_emotionet(tmp_path)
    expected, _ = read(raw)
    for table in raw.glob("*.csv"):
        with table.open(newline="") as stream:
            rows = list(csv.reader(stream))
        numbers = [[int(x) if x.isdigit() else x for x in row] for row in rows]
        as_sheets(table.with_suffix(".xlsx"), {"Sheet1": numbers, "Sheet2": []})
    rows, rejects = read(raw)
    assert rows == expected
    assert rejects == {
        (f"EmotioNet_FACS_{split}.xlsx", "second_label_file")
        for split in ("val", "test")
    }
    for table in raw.glob("*.csv"):
        table.unlink()
    assert read(raw) == (expected, set())


def test_the_older_spreadsheet_of_several_sheets(tmp_path):
    """No header: column 0 is the URL, column n + 1 is AU n (data of the release)."""
    for i in range(1, 5):
        write_picture(tmp_path / "N_0000000001" / name(i), i)
    rows = [[url(name(i)), "x", i % 2, 0, 999, *56 * [0], 1] for i in range(1, 5)]
    file = tmp_path / "EmotioNet_FACS_aws_without_passw.xlsx"
    as_sheets(file, {"1": rows[:3], "2": rows[3:], "notes": [["downloaded", 2018]]})
    actual, rejects = read(tmp_path)
    assert rejects == {(f"{file.name}, sheet notes", "bad_label_file")}
    aus = {row.path: row.aus for row in actual}
    assert len(aus) == 4
    for i in range(1, 5):
        codes = aus[f"N_0000000001/{name(i)}"]
        assert (codes[1], codes[2], codes[60]) == (bool(i % 2), False, True)
        assert 3 not in codes


def test_damaged_and_old_spreadsheets_are_named(tmp_path):
    raw = write_emotionet(tmp_path)
    (raw / "a_val.xlsx").write_bytes(b"PK\x03\x04 cut")
    (raw / "b_val.xls").write_bytes(b"x")
    assert read(raw)[1] == {
        ("a_val.xlsx", "bad_label_file"),
        ("b_val.xls", "bad_label_file"),
    }


def test_pictures_coded_twice_and_differently_are_left_out(tmp_path):
    raw = write_emotionet(tmp_path)
    emotionet_table(raw / "more_test.csv", {name(2): {1: 0}, name(6): {1: 1, 12: 1}})
    rows, rejects = read(raw)
    assert path(2) not in of(rows, "val")
    assert path(6) in of(rows, "test")  # the same codes again
    assert rejects == {
        (path(2), "bad_label"),
        (path(2), "duplicate"),
        (path(6), "duplicate"),
    }


def rezipped(file, change):
    """Write an XLSX file again, with its members changed by `change(name, data)`."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, change(name, data))


def spreadsheet(tmp_path):
    file = tmp_path / "table.xlsx"
    rows = (["URL", "'AU 1'"], ["http://a/N_1/N_1_2.jpg", 1])
    as_sheets(file, {"Sheet1": rows})
    return file


def read_all(raw):
    usable, rejects = tables(raw, PurePosixPath("table.xlsx"))
    return [entry for table in usable for entry in labelled(raw, table)], rejects


def test_spreadsheet_that_unpacks_to_gigabytes_is_refused(tmp_path):
    file = spreadsheet(tmp_path)
    assert len(read_all(tmp_path)[0]) == 1
    rezipped(
        file, lambda name, data: data + bytes(6 * 10**8 * name.endswith("sheet1.xml"))
    )
    entries, rejects = read_all(tmp_path)
    assert not entries
    assert "it unpacks to 60" in rejects[0].detail


def test_row_of_a_huge_number_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(emotionet_labels, "_MAX_ROWS", 1 << 14)  # a million take 10 s

    def renumber(_, data):
        for old, new in (
            (b'<row r="2"', b'<row r="999999999"'),
            (b":B2", b":B999999999"),
        ):
            data = data.replace(old, new)
        return data

    rezipped(spreadsheet(tmp_path), renumber)
    with pytest.raises(UserError, match="more than 16,384 rows"):
        read_all(tmp_path)


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 0.999), st.binary(min_size=1, max_size=8), st.booleans())
def test_any_damage_to_a_spreadsheet_is_one_line(tmp_path_factory, place, new, inside):
    """Change bytes of the packed file, or of the members inside it."""
    folder = tmp_path_factory.mktemp("xlsx")
    file = spreadsheet(folder)

    def damaged(data):
        at = int(place * len(data))
        return data[:at] + new + data[at + len(new) :]

    if inside:
        rezipped(file, lambda _, data: damaged(data))
    else:
        file.write_bytes(damaged(file.read_bytes()))
    with contextlib.suppress(UserError):
        _, rejects = read_all(folder)
        assert all("\n" not in reject.detail for reject in rejects)
