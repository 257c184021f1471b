"""Divide data into splits (method.md section 7), by seed and name, in any order.

Each split has a rule in words, which prepared sets store: the name of a published
split, "drawn by subject, seed 0", or who states it.
"""

import difflib
import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
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

ADLD = {"bp4d": "bp4d-adld", "emotionet": "emotionet-adld"}
"""The rules of ADLD's splits, by data set; EmotioNet's is that of public lists."""

BP4D = NAMED[ADLD["bp4d"]]


def drawn(unit: str, seed: int) -> str:
    """Return the rule of a split that was drawn, such as by subject or picture."""
    return f"drawn by {unit}, seed {seed}"


def rule_by_subject(subjects: Collection[str], seed: int) -> str:
    """Return the rule of `by_subject`."""
    few = len(set(subjects)) < 3
    return "all in train, too few subjects" if few else drawn("subject", seed)


def rule_of_bp4d(subjects: Collection[str], seed: int) -> str:
    """Return the rule of `bp4d`."""
    is_whole = set(subjects) == set(BP4D)
    return ADLD["bp4d"] if is_whole else rule_by_subject(subjects, seed)


def ruled(items: Iterable[Row | Reject], rule: str) -> Iterator[Row | Reject]:
    """Yield the items; the rows say by which rule they are split."""
    for item in items:
        yield replace(item, split_rule=rule) if isinstance(item, Row) else item


def in_words(rules: Mapping[str, str]) -> str:
    """Return the rules of several splits in one line.

    Args:
        rules: By split; empty in sets of older versions.
    """
    by_rule: dict[str, list[str]] = {}
    for split, rule in rules.items():
        by_rule.setdefault(rule or "not known", []).append(split)
    if len(by_rule) == 1:
        return next(iter(by_rule))
    parts = [f"{' and '.join(names)}: {rule}" for rule, names in by_rule.items()]
    return "; ".join(parts) or "not known"


def bp4d_warning(
    dataset: str, rules: Collection[str], subjects: Collection[str]
) -> str:
    """Return the warning that BP4D has a drawn split instead of ADLD's, or "".

    Args:
        dataset: The raw set that was read.
        rules: The rules of its splits.
        subjects: Its subjects; those of other sets do not matter.
    """
    here = BP4D.keys() & subjects
    if dataset != "bp4d" or not here or not rules or NAMED.keys() & rules:
        return ""
    give = "give --split=bp4d-adld, which takes ADLD's split of those that are here"
    missing = sorted(BP4D.keys() - here)
    if missing:
        names = ", ".join(missing[:3]) + ", ..." * (len(missing) > 3)
        why = f"{len(here)} of BP4D's {len(BP4D)} subjects are here, without {names}"
        give = f"add these, or {give}"
    else:
        why = f"there are others beside BP4D's {len(BP4D)} subjects"
    return f"the split is not ADLD's, because {why}; {give}"


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
    items: Iterable[Row | Reject], split_of: dict[str, str], rule: str
) -> Iterator[Row | Reject]:
    """Yield the rows in the splits of their subjects; reject all other subjects.

    Args:
        items: Rows and rejects.
        split_of: Subject -> train, val or test.
        rule: The name of this split.
    """
    for item in items:
        if isinstance(item, Reject):
            yield item
        elif item.subject in split_of:
            yield replace(item, split=split_of[item.subject], split_rule=rule)
        else:
            who = f"subject {item.subject}" if item.subject else "it has no subject"
            yield Reject(item.path, "not_in_split", who)
