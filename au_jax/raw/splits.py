"""Who is in which split (method.md section 7). Everything is seeded and order-free."""

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
"""Name -> subject -> train, val or test: the published ones (method.md section 7)."""

BP4D = NAMED["bp4d-adld"]


def rank(name: str, seed: int) -> int:
    """A number of 64 bits that looks random, the same on every machine and run.

    The lowest ranks are a draw without holding all names or depending on their order.
    """
    data = f"{seed}:{name}".encode(errors="surrogateescape")  # any file name
    digest = hashlib.blake2b(data, digest_size=8).digest()
    return int.from_bytes(digest, "big")


def by_subject(subjects: Collection[str], seed: int) -> dict[str, str]:
    """Subject -> train, val or test: 70, 10 and 20 % of the subjects.

    Three subjects or more give every split one; one or two all go to train.
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
    """train, val or test, with the chances 70, 10 and 20 %: where nobody is known."""
    share = rank(name, seed) / 2**64
    return "train" if share < 0.7 else "val" if share < 0.8 else "test"


def bp4d(subjects: Collection[str], seed: int) -> dict[str, str]:
    """The published split for exactly BP4D's 41 subjects, otherwise `by_subject`."""
    if set(subjects) == set(BP4D):
        return dict(BP4D)
    return by_subject(subjects, seed)


def named(name: str) -> dict[str, str]:
    """Subject -> split of a published split.

    Raises:
        UserError: there is none of that name.
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
    """The rows in the splits of their subjects; those of others are rejected."""
    for item in items:
        if isinstance(item, Reject):
            yield item
        elif item.subject in split_of:
            yield replace(item, split=split_of[item.subject])
        else:
            who = item.subject or "a picture of nobody known"
            yield Reject(item.path, "not_in_split", f"{who} is not in the split")
