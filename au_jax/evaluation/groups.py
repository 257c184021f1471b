"""Scores by group of people: does a detector serve all alike?

The groups come from a table, a CSV file with a column `path` or `subject` and one
column for each grouping, such as skin, sex, age or glasses. Rendered sets bring theirs:
`groups.csv` beside the records.
"""

import dataclasses
import itertools
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from rich.console import Console

from au_jax.data.split import FaceSplit
from au_jax.errors import UserError
from au_jax.evaluation import metrics, report, tables
from au_jax.evaluation.bootstrap import auc_intervals, people_of
from au_jax.evaluation.inference import SplitPredictions
from au_jax.evaluation.metrics import AuScores, decide
from au_jax.evaluation.report import Cells, interval, percent
from au_jax.evaluation.target_model import TargetModel, load_target_model
from au_jax.runtime import csv_file
from au_jax.runtime.files import write_whole
from au_jax.workdir import thresholds
from au_jax.workdir.thresholds import Thresholds

FILE = "groups.csv"
FEWEST = 20
"""Images that a group needs for scores of its own."""

_SHOWN = 7  # columns that fit a terminal; the files have the AUs, too


@dataclasses.dataclass(frozen=True)
class GroupScores:
    """The scores of one group."""

    name: str
    images: int
    people: int
    scores: AuScores
    false_alarms: Float[np.ndarray, "a"]
    """The share of inactive AUs that is decided active; NaN without any."""
    interval: tuple[float, float]
    """95 % of resamples of people: the mean AUC; NaN for a single person."""


def evaluate(
    workdir: Path,
    split: str,
    by: str,
    data_dir: str | None = None,
    on: str | None = None,
    table: Path | None = None,
) -> list[GroupScores]:
    """Score the model of the target by group; write `eval-by-GROUP.json` and `.md`.

    Args:
        workdir: The work directory of the run.
        split: The split of the target.
        by: The column of the table that groups the images.
        data_dir: The prepared data; None is the folder that training used.
        on: Another prepared set instead of the target.
        table: The table; None is `groups.csv` of each data set.

    Raises:
        UserError: the run has no checkpoint, or the data, the table or its column are
            absent, or no group has enough images.
    """
    model = load_target_model(workdir, data_dir, on)
    data = model.open(split)
    groups, people = read_groups(table, by, data)
    stored = _thresholds(workdir, model, data.aus)
    limits = list(stored.values) if stored else None
    scored = _score(model.predict(data), model.path, limits, groups, people)
    small = sorted(set(groups) - {group.name for group in scored} - {""})
    if not scored:
        raise UserError(f"--by={by}: no group has {FEWEST} images of {data}")
    name = f"eval-by-{by}{f'-{on}' if on else ''}"
    title = f"{model.config.data.target}, split {split}, by {by}"
    notes = _notes(scored, small, groups)
    if stored:
        notes.append(f"F1 and false alarms: at thresholds chosen on {stored.split}")
    cells = _cells(scored, data.aus)
    text = [f"# Evaluation: {title}", *(f"- {note}" for note in notes), ""]
    write_whole(
        workdir / f"{name}.md", "\n".join([*text, *tables.markdown(cells)]) + "\n"
    )
    write_whole(workdir / f"{name}.json", json.dumps(_to_json(scored, data.aus)))
    console = Console()
    for note in notes:
        console.print(note, highlight=False)
    console.print(tables.table(title, [row[:_SHOWN] for row in cells]))
    return scored


def read_groups(
    table: Path | None, by: str, data: FaceSplit
) -> tuple[list[str], Int[np.ndarray, "n"]]:
    """Return the group of each image, "" where the table has none, and its person.

    Args:
        table: The table; None is `groups.csv` of each data set that has one.
        by: The column that groups the images.
        data: The split.

    Raises:
        UserError: the table or its columns are absent, it names none of the images, or
            two groups for one.
    """
    own = [(part.parts[0].directory / FILE, part) for part in data.each()]
    if table is not None:
        groups = _of_table(table, by, data)
    elif not any(file.exists() for file, _ in own):
        groups = _of_table(own[0][0], by, data)  # says what to do
    else:
        found = [
            _of_table(file, by, part) if file.exists() else [""] * len(part)
            for file, part in own
        ]
        groups = list(itertools.chain(*found))
    return groups, people_of(data)


def _of_table(table: Path, by: str, data: FaceSplit) -> list[str]:
    """Return the group that a table states for each image; "" where it has none."""
    try:
        content = csv_file.read_named(table)
    except OSError as error:
        raise UserError(
            f"{table}: {error.strerror}; --by needs a table of groups: give"
            " --groups=FILE with a column path or subject; for a rendered set of an"
            " older version, render it into another folder"
        ) from None
    names = content.columns
    key = next((name for name in ("path", "subject") if name in names), None)
    if key is None or by not in names:
        raise UserError(
            f"{table}: --by={by} needs columns path or subject, and {by}; there are"
            f" {', '.join(map(repr, names)) or 'none'}"
        )
    of: dict[str, str] = {}
    for at, row in content.rows:
        if of.setdefault(row[key], row[by]) != row[by]:
            raise UserError(
                f"{table}, line {at}: {row[key]!r} is {row[by]!r} here, and"
                f" {of[row[key]]!r} above"
            )
    own = [data.record(i)[key].decode() for i in range(len(data))]
    if own and not any(name in of for name in own):
        raise UserError(
            f"{table}: no {key} of {data} is in it; it has"
            f" {next(iter(of), 'no rows')!r}, where the set has {own[0]!r}"
        )
    return [of.get(name, "") for name in own]


def _thresholds(
    workdir: Path, model: TargetModel, aus: Sequence[int]
) -> Thresholds | None:
    """Return the thresholds of a run; None if it has none for this model."""
    stored = thresholds.read(workdir, aus)
    if stored is None:
        return None
    chosen_for = stored.stage, stored.step, stored.path
    own = model.loaded.stage, model.loaded.step, model.path
    return stored if chosen_for == own else None


def _score(
    found: SplitPredictions,
    path: str,
    limits: list[float] | None,
    groups: Sequence[str],
    people: Int[np.ndarray, "n"],
) -> list[GroupScores]:
    scored = []
    for name in sorted(set(groups) - {""}):
        chosen = np.array([group == name for group in groups])
        if chosen.sum() < FEWEST:
            continue
        p = found.probabilities[path][chosen]
        aus, known = found.aus[chosen], found.known[chosen]
        decisions = decide(p, limits or metrics.THRESHOLD)
        scored.append(
            GroupScores(
                name,
                len(p),
                len(set(people[chosen].tolist())),
                metrics.score(p, aus, known, limits),
                _false_alarms(decisions, aus, known),
                _interval(p, aus, known, people[chosen]),
            )
        )
    return scored


def _false_alarms(
    decisions: Bool[np.ndarray, "n a"],
    aus: Float[np.ndarray, "n a"],
    known: Bool[np.ndarray, "n a"],
) -> Float[np.ndarray, "a"]:
    inactive = known & (aus == 0)
    with np.errstate(invalid="ignore"):
        return (decisions & inactive).sum(axis=0) / inactive.sum(axis=0)


def _interval(
    p: Float[np.ndarray, "n a"],
    aus: Float[np.ndarray, "n a"],
    known: Bool[np.ndarray, "n a"],
    people: Int[np.ndarray, "n"],
) -> tuple[float, float]:
    numbered = np.unique(people, return_inverse=True)[1]
    low, high = auc_intervals(p, aus, known, numbered)[:, -1]
    return float(low), float(high)


def _notes(
    scored: Sequence[GroupScores], small: Sequence[str], groups: Sequence[str]
) -> list[str]:
    """Name the largest gap, and what was left out."""
    aucs = {group.name: group.scores.auc for group in scored}
    aucs = {name: auc for name, auc in aucs.items() if not np.isnan(auc).all()}
    notes = _gaps(aucs) if len(aucs) > 1 else []
    if small:
        notes.append(f"fewer than {FEWEST} images: {', '.join(small)}")
    if without := sum(not group for group in groups):
        notes.append(f"{without} of {len(groups)} images have no group")
    return notes


def _gaps(aucs: dict[str, Float[np.ndarray, "a"]]) -> list[str]:
    """Name the largest gap of the mean AUC, over the AUs that all groups have.

    Means over other AUs would tell of these, not of the people.
    """
    by_group = np.stack(list(aucs.values()))
    shared = ~np.isnan(by_group).any(axis=0)
    if not shared.any():
        return ["no gap: no AU has an AUC in each group"]
    means = dict(zip(aucs, by_group[:, shared].mean(axis=1), strict=True))
    *_, worst = ranked = sorted(means, key=lambda name: -means[name])
    best = ranked[0]
    gap = percent(float(means[best] - means[worst]))
    note = f"largest gap of the mean AUC: {gap} points, {best} over {worst}"
    count = int(shared.sum())
    of = "" if shared.all() else f" (over the {count} AUs that all groups have)"
    return [note + of]


def _cells(scored: Sequence[GroupScores], aus: Sequence[int]) -> Cells:
    header = ["group", "images", "people", "F1", "false alarms", "AUC", "95 %"]
    cells = [[*header, *(f"AU{au:02d}" for au in aus)]]
    for group in scored:
        false = group.false_alarms[~np.isnan(group.false_alarms)]
        cells.append(
            [
                group.name,
                str(group.images),
                str(group.people),
                percent(group.scores.mean("f1")),
                percent(float(false.mean()) if len(false) else math.nan),
                percent(group.scores.mean("auc")),
                interval(*group.interval),
                *(percent(float(value)) for value in group.scores.auc),
            ]
        )
    return cells


def _to_json(scored: Sequence[GroupScores], aus: Sequence[int]) -> dict[str, Any]:
    def numbers(values: np.ndarray) -> dict[str, float | None]:
        return {
            str(au): None if math.isnan(value) else float(value)
            for au, value in zip(aus, values, strict=True)
        }

    return {
        group.name: {
            "images": group.images,
            "people": group.people,
            # JSON has no NaN, and a model file, which holds this, refuses it.
            "mean AUC, 95 %": [None if math.isnan(x) else x for x in group.interval],
            "false alarms": numbers(group.false_alarms),
            **{name: numbers(getattr(group.scores, name)) for name in report.METRICS},
        }
        for group in scored
    }
