"""Who is in which split (method.md section 7). Everything is seeded and order-free."""

import hashlib
from collections.abc import Collection

# The split of ADLD: training is P1 + P2 of the usual three folds.
_BP4D_TRAIN = (
    "F001 F002 F008 F009 F010 F016 F018 F023 M001 M004 M007 M008 M012 M014 "
    "F003 F005 F011 F013 F020 F022 M002 M005 M010 M011 M013 M016 M017 M018"
)
_BP4D_VAL = "F004 F012 F014 F017 F021 M003 M015"
_BP4D_TEST = "F006 F007 F015 F019 M006 M009"
BP4D = {
    subject: split
    for split, subjects in (
        ("train", _BP4D_TRAIN),
        ("val", _BP4D_VAL),
        ("test", _BP4D_TEST),
    )
    for subject in subjects.split()
}


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
