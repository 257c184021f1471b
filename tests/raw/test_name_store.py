"""Expected: the behaviour of a dict, in constant memory."""

import errno
import os
import sqlite3

import pytest

from au_jax.raw.name_store import Names


def test_like_a_dict():
    actual, expected = Names(), {}
    odd = os.fsdecode(b"\xff/\xfe.jpg")  # not text
    for i, name in enumerate(["b", "a", "ä b", "b", odd, "", "a", odd, "x\0y"]):
        assert actual.setdefault(name, i - 2**60) == expected.setdefault(
            name, i - 2**60
        )
    assert list(actual) == list(expected)
    assert {name: actual.get(name) for name in actual} == expected
    assert "ä b" in actual
    assert "c" not in actual
    assert actual.get("c") is None
    actual.add("c")
    actual.add("b")
    assert (actual.get("c"), actual.get("b")) == (0, -(2**60))
    assert actual
    assert not Names()


def test_a_full_disk_of_temporary_files():
    names = Names()

    class Full:
        def execute(self, *_):
            raise sqlite3.OperationalError("database or disk is full")

    names._table = Full()  # pyright: ignore
    with pytest.raises(OSError, match="temporary files") as error:
        names.add("a")
    assert error.value.errno == errno.ENOSPC
