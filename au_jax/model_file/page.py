"""The card of a model as a page for people, in Markdown."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from au_jax.errors import UserError, printable
from au_jax.evaluation.report import BOUNDS, METRICS, interval, percent
from au_jax.evaluation.tables import markdown
from au_jax.faces.drawing import licensed_as
from au_jax.model_file import card as cards
from au_jax.types import DOMAINS, JOINT
from au_jax.workdir.thresholds import shown

LICENCES: Mapping[str, str] = {
    "bp4d": "its agreement with Binghamton University governs the model, too",
    "bp4dplus": "its agreement with Binghamton University governs the model, too",
    "disfa": "its agreement with the University of Denver governs the model, too",
    "emotionet": "its agreement with the Ohio State University governs the model, too",
    "rafau": "its agreement governs the model, too",
    "faces_lab": "rendered by au-jax; free for any use",
    "faces_wild": "rendered by au-jax; free for any use",
    "reenacted": "moved by au-jax reenact; under the licence of the photographs",
}
OTHER_LICENCE = "under the licence of its pictures"

USE = (
    "To measure facial movements, as action units of FACS, in photographs and videos of"
    " people who agreed to it: research on faces, animation, studies with consent.",
    "Check it first on labelled faces like those it will see: light, cameras, poses and"
    " people other than in training cost accuracy, and each AU has its own.",
)
NO_USE = (
    "To infer emotions of people at work or in education, which the European AI Act"
    " (2024/1689, article 5) forbids; or to infer from AUs alone what a person feels,"
    " thinks or intends, which they do not show.",
    "To recognise or identify people, or to decide about them.",
    "Diagnosis: nothing here was validated clinically.",
)


def to_markdown(card: Mapping[str, Any], note: str = "") -> str:
    """Return the page.

    Args:
        card: The card of a model; its SHA-256 is that of a saved model.
        note: What its maker wants to say, such as attributions of photographs.
    """
    training = card["training"]
    lines = ["# Model card", "", "Written by `au-jax export --card=FILE`.", ""]
    if note:
        lines += [note.strip(), ""]
    lines += _identity(card)
    lines += ["", "## Training data", "", *_data(training)]
    try:
        lines += _evaluations(training)
    except (AttributeError, KeyError, TypeError, ValueError):  # a stranger wrote them
        raise UserError(
            "the evaluations in this model's card are not those of au_jax; export the"
            " model of the run again"
        ) from None
    lines += ["", "## Thresholds", "", *_thresholds(card)]
    lines += ["", "## Intended use", "", *(f"- {text}" for text in USE)]
    lines += ["", "## Not for", "", *(f"- {text}" for text in NO_USE)]
    return "\n".join(lines) + "\n"


def _evaluations(training: Mapping[str, Any]) -> list[str]:
    evaluations = {"": training.get("evaluation")} | training.get("evaluations", {})
    lines = []
    for name, evaluation in evaluations.items():
        if evaluation:
            lines += (
                _by_group(name, evaluation)
                or _table(evaluation)
                or _scores(name, evaluation)
            )
    return lines


def _identity(card: Mapping[str, Any]) -> list[str]:
    networks, versions = card["networks"], card.get("versions", {})
    made = versions.get("made", "-")
    sizes = [math.prod(array["shape"]) for array in _arrays(card)]
    return markdown(
        [
            ["", ""],
            ["AUs", ", ".join(map(str, networks["data"]["aus"]))],
            ["stage", str(card["stage"])],
            ["crop", f"{networks['data']['crop']} pixels"],
            ["landmarks", cards.landmarks_by(dict(card))],
            ["parameters", f"{sum(sizes):,}" if sizes else "-"],
            ["SHA-256 of its weights", str(card.get("sha256", "-"))],
            ["made", f"{made}, au_jax {versions.get('au_jax', '-')}"],
        ]
    )


def _arrays(card: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    arrays = card.get("arrays", [])
    return list(arrays.values()) if isinstance(arrays, Mapping) else arrays


def _data(training: Mapping[str, Any]) -> list[str]:
    roles: dict[str, list[str]] = {}
    for domain in DOMAINS:
        for name in filter(None, str(training.get(domain) or "").split(JOINT)):
            roles.setdefault(name, []).append(domain)
    lines = []
    for name, domains in roles.items():
        dataset = _said(training, "datasets", name)
        licence = printable(_said(training, "licences", name))
        origin = ""
        if dataset not in ("", name):
            how = "in the layout of" if licence else "prepared from"
            origin = f", {how} `{dataset}`"
        known = LICENCES.get(licensed_as(name, dataset) or name, OTHER_LICENCE)
        lines.append(
            f"- `{name}` ({' and '.join(domains)}{origin}): {licence or known}"
        )
    return lines


def _said(training: Mapping[str, Any], key: str, name: str) -> str:
    """Return what an entry of the training says of a data set, or ""."""
    entry = training.get(key)
    said = entry.get(name) if isinstance(entry, Mapping) else None
    return said if isinstance(said, str) else ""


def _scores(name: str, evaluation: Mapping[str, Any]) -> list[str]:
    """Return the scores on one set: its last section, the target's answering path."""
    sections = evaluation.get("sections") or []
    if not sections:
        return []
    section = sections[-1]
    scores = section.get("calibrated", section)
    rows = [["%", *(f"AU{au:02d}" for au in section["aus"]), "mean"]]
    there = [True, *(n > 0 for n in scores.get("images", [])), True]
    for key, title in METRICS.items():
        rows.append([title, *_values(scores, key)])
        if key == "f1":
            trivial = _values(section["always_active"], key)
            rows.append(["F1 of always active", *trivial])
    for bound, values in zip(BOUNDS, section.get("auc_interval", ()), strict=False):
        rows.append([f"AUC, {bound}", *_percents(values)])
    title = f"## Scores on {section['title']}" if not name else f"## Scores on {name}"
    # The split: scores on the one that chose the checkpoint or thresholds are too good.
    notes = [n for n in evaluation.get("notes", []) if n.startswith("target: ")]
    baselines = [
        f"- {baseline['name']}, trained on the same pictures: mean AUC"
        f" {_values(baseline, 'auc')[-1]}"
        for baseline in evaluation.get("baselines", [])
        if baseline["domain"] == "target"
    ]
    if len(there) == len(rows[0]):  # AUs that the set does not know say nothing
        rows = [list(itertools.compress(row, there)) for row in rows]
    tested = [*(f"- {note}" for note in notes), ""] if notes else []
    return ["", title, "", *tested, *markdown(rows), "", *baselines]


def _table(evaluation: Mapping[str, Any]) -> list[str]:
    """Return the table of `eval --intensity` or `--degraded`, or nothing."""
    if "table" not in evaluation:
        return []
    note = ["", evaluation["note"]] if "note" in evaluation else []
    table = markdown(evaluation["table"])
    return ["", f"## {evaluation['title']}", "", *table, *note]


def _by_group(name: str, evaluation: Mapping[str, Any]) -> list[str]:
    """Return the mean AUCs by group, or nothing if it is another kind of evaluation."""
    if not name.startswith("by-"):
        return []
    groups = {k: v for k, v in evaluation.items() if "false alarms" in v}
    means = {}
    rows = [["group", "images", "people", "mean AUC", "95 %"]]
    for group, values in groups.items():
        known = [v for v in values["auc"].values() if v is not None]
        means[group] = sum(known) / len(known) if known else math.nan
        bounds = [math.nan if x is None else x for x in values["mean AUC, 95 %"]]
        counts = [str(values["images"]), str(values["people"])]
        rows.append([group, *counts, percent(means[group]), interval(*bounds)])
    ranked = sorted((v, k) for k, v in means.items() if not math.isnan(v))
    gap = ""
    if len(ranked) > 1:
        (low, worst), *_, (high, best) = ranked
        gap = f"Largest gap: {percent(high - low)} points, {best} over {worst}."
    return ["", f"## {name.replace('by-', 'By ', 1)}", "", *markdown(rows), "", gap]


def _thresholds(card: Mapping[str, Any]) -> list[str]:
    aus = card["networks"]["data"]["aus"]
    return markdown(
        [
            ["", *(f"AU{au:02d}" for au in aus)],
            ["active from", *(shown(value, 2) for value in card["thresholds"])],
        ]
    )


def _values(scores: Mapping[str, Any], metric: str) -> list[str]:
    """Return a metric of each AU, then its mean."""
    return _percents([*scores[metric], scores["mean"][metric]])


def _percents(values: Sequence[float | None]) -> list[str]:
    return ["-" if value is None else percent(value) for value in values]
