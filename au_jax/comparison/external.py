"""Answers of other tools, scored on the same images (`--predictions=NAME:FILE.csv`).

The table has a row per face, a column with the path of the image, and a column or two
per AU: Py-Feat's Fex as CSV, LibreFace's table, OpenFace's columns with a `file` column
in front, or the aus.csv of `au-jax predict`.
"""

import dataclasses
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Bool, Float

from au_jax.comparison import scores
from au_jax.comparison.scores import Conditions, Key, Result, SplitLabels
from au_jax.data.split import FaceSplit
from au_jax.data.split import labels as read_labels
from au_jax.errors import UserError, printable
from au_jax.runtime import csv_file
from au_jax.types import DOMAINS, RULES
from au_jax.workdir.validations import Answers

LOG = logging.getLogger(__name__)

FOLDER = "predictions"
PATH_COLUMNS = ("file", "input", "path", "filename", "image", "image_path", "img")
SURENESS = ("confidence", "facescore", "face_score")
_AU = re.compile(
    r"au_?0*(\d{1,2})(?:_(c|r|p|intensity|intensities|detection|occurrence))?$"
)
_INTENSITIES = ("r", "intensity", "intensities")
_DECISIONS = ("c", "detection", "occurrence")

NamedSplit = tuple[str, FaceSplit]
"""A split with its domain."""


@dataclasses.dataclass(frozen=True)
class ToolTable:
    """The answers of a tool, by image."""

    name: str
    aus: tuple[int, ...]
    by_path: Mapping[str, Float[np.ndarray, "a"]]


def parse_flags(values: Sequence[str]) -> list[tuple[str, Path]]:
    """Return the names and files of all `--predictions` flags.

    Raises:
        UserError: one is not NAME:FILE.csv, or two have the same name.
    """
    found = [parse_flag(value) for value in values]
    names = [name for name, _ in found]
    for name in names:
        if names.count(name) > 1:  # the second would replace the first
            raise UserError(
                f"--predictions={name}: two tables have this name; put the answers of a"
                " tool into one table, or give another name"
            )
    return found


def parse_flag(value: str) -> tuple[str, Path]:
    """Return the name and the file of a `--predictions` flag.

    Raises:
        UserError: it is not NAME:FILE.csv.
    """
    name, colon, file = value.partition(":")
    if not (colon and file and re.fullmatch(r"[\w .+-]+", name)):
        raise UserError(f"--predictions={value}: write NAME:FILE.csv")
    return name, Path(file)


def read(name: str, file: Path) -> ToolTable:
    """Read the table of a tool.

    Of several faces in an image, the surest counts, or else the first.

    Raises:
        UserError: the file cannot be read, or lacks paths or AUs.
    """
    try:
        table = csv_file.read_named(file)
    except OSError as error:
        raise UserError(f"--predictions: {file}: {error.strerror}") from None
    named = {column.lower(): column for column in table.columns}
    path_column = next((named[c] for c in PATH_COLUMNS if c in named), None)
    found: dict[int, dict[str, str]] = {}
    for lower, column in named.items():
        if match := _AU.match(lower):
            found.setdefault(int(match[1]), {})[match[2] or "p"] = column
    if path_column is None or not found:
        raise UserError(
            f"--predictions: {file} needs a column with the path of each image (one of"
            f" {', '.join(PATH_COLUMNS)}) and columns such as AU01; it has:"
            f" {', '.join(map(printable, table.columns[:20])) or 'no columns'}"
        )
    rows = [row for _, row in table.rows]
    for kinds in found.values():
        _name_decisions(kinds, rows)
    sureness = next((named[c] for c in SURENESS if c in named), None)
    if sureness:  # rows without a face have none; NaN would leave the rows unsorted
        number = [_number(row[sureness]) for row in rows]
        order = np.argsort(-np.nan_to_num(number, nan=-np.inf), kind="stable")
        rows = [rows[i] for i in order]
    by_path: dict[str, np.ndarray] = {}
    for row in rows:
        answers = np.array([_answer(row, kinds) for kinds in found.values()])
        if not np.isnan(answers).all():
            by_path.setdefault(row[path_column].replace("\\", "/"), answers)
    return ToolTable(name, tuple(found), by_path)


def _name_decisions(kinds: dict[str, str], rows: Sequence[Mapping[str, str]]) -> None:
    """Take a column such as au_1 for decisions if it is 0 or 1 in all rows.

    LibreFace has it beside au_1_intensity, which then ranks the images.
    """
    if "p" in kinds and any(kind in kinds for kind in _INTENSITIES):
        numbers = np.array([_number(row[kinds["p"]]) for row in rows])
        if np.isin(numbers[~np.isnan(numbers)], (0, 1)).all():
            kinds.setdefault("c", kinds.pop("p"))


def _number(text: str) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")


def _answer(row: Mapping[str, str], kinds: Mapping[str, str]) -> float:
    """Return the answer for an AU, 0..1, at least .5 for an active one.

    With a decision and an intensity of 0..5, it is their mean: so the tool's decision
    stays, and intensities rank the images.
    """
    values = {kind: _number(row[column]) for kind, column in kinds.items()}
    if "p" in values:
        return float(np.clip(values["p"], 0, 1))
    decision = next((values[k] for k in _DECISIONS if k in values), None)
    intensity = next((values[k] / 5 for k in _INTENSITIES if k in values), None)
    if decision is None or intensity is None:
        one = decision if intensity is None else intensity
        return float(np.clip(np.nan if one is None else one, 0, 1))
    return float((np.clip(decision, 0, 1) + np.clip(intensity, 0, 0.999)) / 2)


def answers_for(
    table: ToolTable, paths: Sequence[str], aus: Sequence[int]
) -> tuple[Float[np.ndarray, "n a"], Bool[np.ndarray, "n"]]:
    """Return a tool's answers for images, and for which it has one.

    An image without an answer has no AU; an AU that the tool lacks is NaN.

    Raises:
        UserError: as `find_images`.
    """
    lacking = [au not in table.aus for au in aus]
    columns = [table.aus.index(au) if au in table.aus else 0 for au in aus]
    p = np.zeros((len(paths), len(aus)), np.float32)
    p[:, lacking] = np.nan
    answered = np.zeros(len(paths), bool)
    for place, name in find_images(table, paths).items():
        values = table.by_path[name][columns]
        p[place] = np.where(lacking, np.nan, np.nan_to_num(values))
        answered[place] = True
    return p, answered


def find_images(table: ToolTable, paths: Sequence[str]) -> dict[int, str]:
    """Return the path in the table of each image that is in it, by number.

    Paths match if one is the end of the other.

    Raises:
        UserError: a path of the table matches several images, or two match one.
    """
    by_name: dict[str, list[int]] = {}
    for index, path in enumerate(paths):
        by_name.setdefault(PurePosixPath(path).name, []).append(index)
    found: dict[int, str] = {}
    for name in table.by_path:
        parts = PurePosixPath(name).parts
        places = [
            index
            for index in by_name.get(parts[-1] if parts else "", [])
            for other in [PurePosixPath(paths[index]).parts]
            if parts[-len(other) :] == other or other[-len(parts) :] == parts
        ]
        if len(places) > 1:
            raise UserError(
                f"--predictions={table.name}: {name} may be {paths[places[0]]} or"
                f" {paths[places[1]]}; write more of the path"
            )
        for place in places:
            if place in found:
                raise UserError(
                    f"--predictions={table.name}: {found[place]} and {name} may both be"
                    f" {paths[place]}; leave one of them out of the table"
                )
            found[place] = name
    return found


def _warn_of_shared(table: ToolTable, splits: Sequence[NamedSplit]) -> None:
    """Warn of paths of a table that are an image of the source and one of the target.

    A table with bare names may be of one domain, and would be taken for the other, too.
    """
    used: dict[str, tuple[str, set[Path]]] = {}
    shared: dict[str, None] = {}
    for domain, split in splits:
        folders = {part.directory for part in split.parts}
        paths = [split.path(i) for i in range(len(split))]
        for name in find_images(table, paths).values():
            other, others = used.setdefault(name, (domain, folders))
            if other != domain and not others & folders:
                shared[name] = None
    if shared:
        LOG.warning(
            "%s: %d paths, such as %s, are images of both domains, and are scored on"
            " both: if the table is of one, do not read its row of the other",
            *(table.name, len(shared), next(iter(shared))),
        )


def score(
    table: ToolTable,
    test: Sequence[NamedSplit],
    validation: Sequence[NamedSplit],
    labels: Mapping[str, SplitLabels],
    folder: Path,
    conditions: Conditions,
) -> None:
    """Score a tool on the test splits, and store the result beside the runs'.

    Thresholds are chosen on the validation splits, if the table answers for both.

    Raises:
        UserError: the table answers for no image of the test splits.
    """
    _warn_of_shared(table, [*test, *validation])
    chosen_on: dict[str, Answers] = {}
    for domain, split in validation:
        paths = [split.path(i) for i in range(len(split))]
        p, answered = answers_for(table, paths, split.aus)
        if answered.any():
            chosen_on[domain] = Answers({"": np.nan_to_num(p)}, *read_labels(split))
    lacking = [domain for domain in DOMAINS if domain not in chosen_on]
    if lacking:
        LOG.warning(
            "%s has no answers for the validation split of the %s: its thresholds"
            " are .5",
            *(table.name, " and the ".join(lacking)),
        )
    found = {}
    for domain, split in test:
        paths = [split.path(i) for i in range(len(split))]
        p, answered = answers_for(table, paths, split.aus)
        if not answered.any():
            continue
        count = f"{answered.sum():,} of {len(paths):,} images of the {domain}"
        LOG.info("%s answers for %s; no answer counts as no AU", table.name, count)
        coded = ~np.isnan(p)
        known = SplitLabels(
            labels[domain].aus, labels[domain].known & coded, labels[domain].weights
        )
        for rule in RULES:
            limits = (0.5,) * len(split.aus)
            if not lacking:
                limits = scores.choose_thresholds(rule, domain, "", chosen_on)
            scored = scores.score(np.nan_to_num(p), limits, known)
            found[Key(rule, domain, "")] = scored
    if not found:
        example = next(iter(table.by_path), "no path")
        raise UserError(
            f"--predictions={table.name}: no path is that of a test image; the table"
            f" has {example}, the split {test[0][1].path(0)}"
        )
    scores.write(folder / FOLDER / table.name, Result(conditions, {}, found, {}))
