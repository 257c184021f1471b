"""Expected: the labels of the CSV file, and the columns of the release."""

import csv

import openpyxl

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
