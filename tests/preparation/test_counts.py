"""Counts of a preparation. Expected: rows that are counted by hand."""

from au_jax.preparation.counts import Counts
from au_jax.raw.row import Reject, Row


def test_rows_are_counted_by_split_subject_and_label():
    counts = Counts((1, 12))
    for row in (
        Row("a.jpg", "train", "F001", aus={1: True, 12: False}),
        Row("b.jpg", "train", "F001", aus={1: False}),
        Row("c.jpg", "train", aus={1: True}),  # nobody knows who it is
        Row("d.jpg", "val"),
    ):
        counts.keep(row)
    for reason in ("no_face", "bad_name", "no_face"):
        counts.reject(Reject("e.jpg", reason))
    report = counts.report()
    assert (report["read"], report["kept"]) == (7, 4)
    assert report["rejected"] == {"bad_name": 1, "no_face": 2}
    assert report["splits"]["train"] == {
        "images": 3,
        "subjects": 1,
        "aus": {"1": {"known": 3, "active": 2}, "12": {"known": 1, "active": 0}},
    }
    assert report["splits"]["val"]["subjects"] == 0
    assert "test" not in report["splits"]
