"""Expected: what a dict does, with memory that does not grow."""

import errno
import os
import sqlite3

import pytest

from au_jax.raw.name_store import Names


def test_as_a_dict():
    found, wanted = Names(), {}
    odd = os.fsdecode(b"\xff/\xfe.jpg")  # no text
    for i, name in enumerate(["b", "a", "ä b", "b", odd, "", "a", odd, "x\0y"]):
        assert found.setdefault(name, i - 2**60) == wanted.setdefault(name, i - 2**60)
    assert list(found) == list(wanted)
    assert {name: found.get(name) for name in found} == wanted
    assert "ä b" in found
    assert "c" not in found
    assert found.get("c") is None
    found.add("c")
    found.add("b")
    assert (found.get("c"), found.get("b")) == (0, -(2**60))
    assert found
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
