"""ADLD's public lists of EmotioNet's splits.

`emotioNet_train_path.txt`, `emotioNet_val_path.txt` and `emotioNet_test_path.txt` name
one picture per line, as `EmotioNet/optimization_set/N_0000000001/N_..._00003.jpg`. They
state splits, not labels. Those of val and test have 10,544 lines each, so they are
probably the paper's splits (method.md section 7).
"""

import difflib
from collections.abc import Iterator
from pathlib import Path

from au_jax.errors import UserError
from au_jax.runtime.csv_file import header_problem, open_table

SPLITS = ("val", "test", "train")


def name(split: str) -> str:
    """Return the name of the list of a split."""
    return f"emotioNet_{split}_path.txt"


def find(folder: Path) -> dict[str, Path]:
    """Return the lists in a folder, by split: val and test, and train if it is there.

    Raises:
        UserError: the list of val or test is absent, or a list is not text.
    """
    if not folder.is_dir():
        raise UserError(f"--lists={folder} is not a folder")
    files = {file.name.lower(): file for file in sorted(folder.iterdir())}
    found = {}
    for split in SPLITS:
        file = files.get(name(split).lower())
        if file is None and split == "train":  # the images are then drawn as usual
            continue
        if file is None:
            near = difflib.get_close_matches(name(split).lower(), files, n=1)
            hint = f"; did you mean {files[near[0]].name}?" if near else ""
            raise UserError(f"--lists={folder} lacks {name(split)}{hint}")
        if problem := header_problem(file):
            raise UserError(f"{file}: {problem}")
        found[split] = file
    return found


def lines(file: Path) -> Iterator[tuple[str, str]]:
    """Yield the place of every line, for messages, and the path that it states."""
    with open_table(file) as stream:
        for number, line in enumerate(stream, start=1):
            if path := line.strip().replace("\\", "/"):
                yield f"{file.name} line {number}", path
