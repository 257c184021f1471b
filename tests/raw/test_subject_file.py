"""Who is seen in which picture. Expected: the written names."""

import pytest

from au_jax.raw.row import Reject, Row
from au_jax.raw.subject_file import attach, read
from tests.mistakes import attempt

ITEMS = [Row("a/1.jpg", "val"), Reject("a/2.jpg", "no_label"), Row("a/3.jpg", "test")]


def written(tmp_path, text):
    file = tmp_path / "subjects.csv"
    file.write_text(text)
    return read(file)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_rows_get_their_subjects(tmp_path, separator):
    lines = [("subject", "light", "path"), ("p 7", "dim", "a/1.jpg"), ("q", "", "b")]
    known = written(tmp_path, "\n".join(map(separator.join, lines)))
    first, second, third = attach(ITEMS, known)
    assert first == Row("a/1.jpg", "val", subject="p 7")
    assert (second, third) == tuple(ITEMS[1:])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,person\na/1.jpg,p\n", "no column subject"),
        ("subject\np\n", "no column path"),
        ("", "no column path"),
        ("path,subject\na/1.jpg,\n", "line 2: path or subject is empty"),
        ("path,subject\na/1.jpg,p\na/1.jpg,q\n", "line 3: a/1.jpg is q here, and p"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path, text, message):
    assert message in attempt(written, tmp_path, text)[1]


def test_an_absent_table(tmp_path):
    assert "No such file" in attempt(read, tmp_path / "none.csv")[1]


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (ITEMS, "it has a/4.jpg, where the set has a/1.jpg"),
        ([Row("a/4.jpg", "val", subject="F001")], "a/4.jpg is F001; leave --subjects"),
    ],
)
def test_tables_that_do_not_fit_the_set(tmp_path, items, message):
    known = written(tmp_path, "path,subject\na/4.jpg,p\n")
    assert message in attempt(list, attach(items, known))[1]
