"""The tables of a comparison, made from its summary alone."""

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from au_jax.comparison.notes import heading, notes, published_set
from au_jax.comparison.scores import CENTRED, MEAN, METRICS
from au_jax.comparison.summary import Json
from au_jax.errors import UserError
from au_jax.evaluation import published, report
from au_jax.evaluation.tables import markdown
from au_jax.runtime import html
from au_jax.runtime.files import write_whole
from au_jax.types import DOMAINS, RULES
from au_jax.workdir.json_file import read_json

NAME = "compare"

CHOSEN_BY = {
    "source": "chosen on the source's validation split",
    "label_free": "chosen without labels of the target",
    "target": 'chosen on the target\'s validation split ("oracle selection")',
}
"""How checkpoints and thresholds were chosen, by rule."""

TABLES = {"target": "Table 1", "source": "Table 2"}
ABLATION = ("a", "b", "c")
REFERENCE_TITLES = {"source_only": "source only", "adld": "ADLD"}
"""Titles of the rows that others are compared with."""

PATH_TITLES = {
    "reconstructed": "reconstructed",
    MEAN: "mean of both paths",
    CENTRED: "centred",
}
"""What rows of other paths than the direct one say, by path."""

_STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; max-width: 1500px; margin: 0 auto;
  padding: 1rem; color: #1c1c1c; background: #fff; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; font-size: .9rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: .15rem .6rem; border-bottom: 1px solid #ddd; text-align: right;
  white-space: nowrap; }
th:first-child { text-align: left; }
thead th { border-bottom: 2px solid #888; }
summary { cursor: pointer; padding: .3rem 0; font-weight: 600; }
.wide { overflow-x: auto; }
"""


class Section(NamedTuple):
    """A table with its title."""

    title: str
    cells: list[list[str]]
    """The first row is the header."""
    detail: bool = False
    """True for a table that few readers open."""


def write(folder: Path, summary: Json) -> None:
    """Write compare.json, .md, .csv and .html; the folder is created.

    Raises:
        UserError: the disk is full, or the folder cannot be written.
    """
    _write_files(folder, _files(summary))


def write_again(stored: Path, folder: Path) -> None:
    """Write the files of `write` from a stored compare.json.

    Raises:
        UserError: it is absent or damaged, or the folder cannot be written.
    """
    summary = read_summary(stored)
    try:
        files = _files(summary)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{stored} is damaged, or of another version; give the compare.json of a"
            " comparison"
        ) from error
    _write_files(folder, files)


def _files(summary: Json) -> dict[str, str]:
    """Return the text of each file, by its ending."""
    text = json.dumps(summary, separators=(",", ":"))
    text = text.replace('{"method"', '\n{"method"')  # a line per row
    by_ending = {"md": to_markdown, "csv": to_csv, "html": to_html}
    made = {ending: make(summary) for ending, make in by_ending.items()}
    return {"json": text + "\n", **made}


def _write_files(folder: Path, files: Mapping[str, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}") from None
    for ending, text in files.items():
        write_whole(folder / f"{NAME}.{ending}", text)


def read_summary(path: Path) -> Json:
    """Read a compare.json.

    Raises:
        UserError: it is absent or damaged.
    """
    summary = read_json(path, "give the compare.json of a comparison")
    if not summary.keys() >= {"setting", "always_active", "rows", "label_free"}:
        raise UserError(f"{path} is no compare.json; give that of a comparison")
    return summary


def sections(summary: Json) -> Iterator[Section]:
    """Yield all tables: of each domain by each rule, the ablation, the study."""
    for rule in RULES:
        for domain in DOMAINS[::-1]:
            yield _overview(summary, rule, domain)
            for metric in METRICS:
                yield _per_au(summary, rule, domain, metric)
        yield from _ablation(summary, rule)
    yield from _label_free(summary)


def percent(value: float | None) -> str:
    """Return a fraction in percent; "-" for none."""
    return report.percent(math.nan if value is None else value)


def row_name(row: Json) -> str:
    """Return the name of a row in the tables."""
    path = PATH_TITLES.get(row["path"], "")
    return ", ".join(filter(None, (row["title"], row["head"], path)))


def _where(summary: Json, rule: str, domain: str) -> str:
    return f"{domain} ({summary['setting'][domain]}), {CHOSEN_BY[rule]}"


def _rows(summary: Json, rule: str, domain: str) -> Iterator[tuple[Json, Json]]:
    for row in summary["rows"]:
        scores = row["scores"].get(rule, {}).get(domain)
        if scores:
            yield row, scores


def _mean(entry: Json) -> str:
    spread = "" if entry["sd"] is None else f" ± {percent(entry['sd'])}"
    return percent(entry["mean"]) + spread


def _interval(values: Sequence[float | None]) -> str:
    low, high = values
    return "-" if low is None else f"[{percent(low)}, {percent(high)}]"


def _difference(entry: Json, reference: str) -> str:
    values = entry.get(f"minus_{reference}")
    if values is None or values[0] is None:
        return ""
    difference, *interval = values
    return f"{100 * difference:+.1f} {_interval(interval)}"


def _overview(summary: Json, rule: str, domain: str) -> Section:
    header = ["mean over AUs, %", "seeds", *METRICS.values(), "AUC, 95 %"]
    header += [f"AUC minus {title}" for title in REFERENCE_TITLES.values()]
    header += ["steps", "seconds", "million parameters"]
    trivial = summary["always_active"][domain]
    cells = [header, ["always active", ""]]
    cells[1] += [percent(trivial[metric]["mean"]) for metric in METRICS]
    cells[1] += [""] * (len(header) - len(cells[1]))
    for row, scores in _rows(summary, rule, domain):
        cost, auc = row["cost"], scores["auc"]
        line = [row_name(row), str(len(row["seeds"]) or "")]
        line += [_mean(scores[metric]) for metric in METRICS]
        line.append(_interval(auc["interval"]))
        line += [_difference(auc, name) for name in REFERENCE_TITLES]
        line.append(f"{cost['steps']:.0f}" if "steps" in cost else "")
        seconds = cost.get("seconds")  # none if a run it starts from has no result
        line.append("" if seconds is None else f"{seconds:.0f}")
        line.append(f"{cost['parameters'] / 1e6:.2f}" if "parameters" in cost else "")
        cells.append(line)
    return Section(f"Overview: {_where(summary, rule, domain)}", cells)


def _per_au(summary: Json, rule: str, domain: str, metric: str) -> Section:
    aus, data_set = summary["setting"]["aus"], published_set(summary, domain)
    columns = [f"AU{au:02d}" for au in aus]
    cells = [[f"{METRICS[metric]}, %", "seeds", *columns, "mean", "95 %"]]
    if metric == "f1" and data_set:
        for method, values in published.F1[data_set].items():
            by_au = dict(zip(published.AUS, values, strict=False))
            line = [f"{method}, published", "", *(f"{by_au[au]:.1f}" for au in aus)]
            cells.append([*line, f"{values[-1]:.1f}", ""])
    trivial = summary["always_active"][domain][metric]
    line = ["always active", "", *(percent(v) for v in trivial["aus"])]
    cells.append([*line, percent(trivial["mean"]), ""])
    for row, scores in _rows(summary, rule, domain):
        entry = scores[metric]
        line = [row_name(row), str(len(row["seeds"]) or "")]
        line += [percent(value) for value in entry["aus"]]
        cells.append([*line, _mean(entry), _interval(entry["interval"])])
    name = f"{TABLES[domain]}, {METRICS[metric]}: {_where(summary, rule, domain)}"
    return Section(name, cells, detail=metric != "f1")


def _ablation(summary: Json, rule: str) -> Iterator[Section]:
    cells = [["mean over AUs, %", "seeds", "F1 at .5", "accuracy", "AUC"]]
    if published_set(summary, "target") == published.OF_ABLATION:
        for model, (f1, accuracy) in published.ABLATION.items():
            line = [f"{model}, published", "", f"{f1:.1f}", f"{accuracy:.1f}", ""]
            cells.append(line)
    ours = []
    for row, scores in _rows(summary, rule, "target"):
        if row["method"] in ABLATION and row["seeds"]:  # a tool has no seeds
            values = [_mean(scores[m]) for m in ("f1", "accuracy", "auc")]
            ours.append([row_name(row), str(len(row["seeds"])), *values])
    if ours:
        cells += ours
        yield Section(f"Table 3, ablation: {_where(summary, rule, 'target')}", cells)


def _label_free(summary: Json) -> Iterator[Section]:
    header = ["score", "checkpoints", "runs", "rank correlation with the target's AUC"]
    cells = [[*header, "regret within a run", "regret over all runs"]]
    for line in summary["label_free"]:
        correlation = line["rank_correlation"]
        cells.append(
            [
                line["score"].replace("_", " "),
                *(str(line[name]) for name in ("checkpoints", "runs")),
                "-" if correlation is None else f"{correlation:.2f}",
                percent(line["regret"]),
                percent(line["regret_over_runs"]),
            ]
        )
    if len(cells) > 1:
        yield Section("Choosing without labels: points of AUC on the target", cells)


def to_markdown(summary: Json) -> str:
    """Return all tables as Markdown."""
    lines = [f"# {heading(summary)}", "", *(f"- {note}" for note in notes(summary))]
    for section in sections(summary):
        lines += ["", f"## {section.title}", ""]
        lines += markdown(section.cells)
    return "\n".join(lines) + "\n"


def to_html(summary: Json) -> str:
    """Return all tables as one page that loads nothing from outside."""
    title = escape(heading(summary))
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1><ul>",
        *(f"<li>{escape(note)}</li>" for note in notes(summary)),
        "</ul>",
    ]
    for section in sections(summary):
        opened = "" if section.detail else " open"
        parts.append(f"<details{opened}><summary>{escape(section.title)}</summary>")
        header, *rows = section.cells
        parts.append(f'<div class="wide">{html.table(header, rows)}</div></details>')
    return "\n".join([*parts, "</body></html>"]) + "\n"


def to_csv(summary: Json) -> str:
    """Return every number on a line of its own: fractions, empty where undefined."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = ["method", "head", "path", "seeds", "rule", "domain", "metric"]
    writer.writerow([*columns, "au", "value", "sd", "low", "high"])
    for row in summary["rows"]:
        who = [row["title"], row["head"], row["path"], len(row["seeds"]) or ""]
        for rule, by_domain in row["scores"].items():
            for domain, by_metric in by_domain.items():
                for metric, entry in by_metric.items():
                    of = [*who, rule, domain, metric]
                    spread: list[Any] = [entry["sd"], *entry["interval"]]
                    writer.writerow([*of, "mean", entry["mean"], *spread])
                    aus = zip(summary["setting"]["aus"], entry["aus"], strict=True)
                    writer.writerows([*of, au, v, "", "", ""] for au, v in aus)
    return text.getvalue()
