"""Divide data into splits (method.md section 7), by seed and name, in any order."""

import difflib
import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from au_jax.errors import UserError
from au_jax.raw.row import Reject, Row

NAMED: dict[str, dict[str, str]] = {
    name: {
        person: split for split, people in parts.items() for person in people.split()
    }
    for name, parts in json.loads(
        Path(__file__).with_name("named_splits.json").read_text()
    ).items()
}
"""The published splits (method.md section 7): name -> subject -> train, val or test."""

BP4D = NAMED["bp4d-adld"]


def rank(name: str, seed: int) -> int:
    """Return a hash of 64 bits, which is the same on every machine.

    The names of the lowest ranks are a random draw. It depends neither on the order of
    the names nor on holding all of them in memory.
    """
    data = f"{seed}:{name}".encode(errors="surrogateescape")  # any file name
    digest = hashlib.blake2b(data, digest_size=8).digest()
    return int.from_bytes(digest, "big")


def by_subject(subjects: Collection[str], seed: int) -> dict[str, str]:
    """Return subject -> train, val or test, for 70, 10 and 20 % of the subjects.

    From three subjects on, no split is empty; one or two subjects are all in train.
    """
    order = sorted(set(subjects), key=lambda subject: rank(subject, seed))
    if len(order) < 3:
        return dict.fromkeys(order, "train")
    val = max(1, round(0.1 * len(order)))
    test = max(1, round(0.2 * len(order)))
    names = ["val"] * val + ["test"] * test
    names += ["train"] * (len(order) - len(names))
    return dict(zip(order, names, strict=True))


def by_name(name: str, seed: int) -> str:
    """Draw train, val or test with probability 70, 10 and 20 %, without a subject."""
    share = rank(name, seed) / 2**64
    return "train" if share < 0.7 else "val" if share < 0.8 else "test"


def bp4d(subjects: Collection[str], seed: int) -> dict[str, str]:
    """Return the published split for exactly BP4D's 41 subjects, else `by_subject`."""
    if set(subjects) == set(BP4D):
        return dict(BP4D)
    return by_subject(subjects, seed)


def named(name: str) -> dict[str, str]:
    """Return subject -> train, val or test of a published split.

    Raises:
        UserError: there is no split of this name.
    """
    if name in NAMED:
        return NAMED[name]
    near = difflib.get_close_matches(name, NAMED, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]}? " if near else ""
    known = ", ".join(NAMED)
    raise UserError(f"--split={name} is not known; {hint}There are: {known}")


def assign(
    items: Iterable[Row | Reject], split_of: dict[str, str]
) -> Iterator[Row | Reject]:
    """Yield the rows in the splits of their subjects; reject all other subjects."""
    for item in items:
        if isinstance(item, Reject):
            yield item
        elif item.subject in split_of:
            yield replace(item, split=split_of[item.subject])
        else:
            who = f"subject {item.subject}" if item.subject else "it has no subject"
            yield Reject(item.path, "not_in_split", who)
