"""The summary of a comparison as JSON: all that the tables show.

It is small enough to be kept with a project, and the tables can be made from it again.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from au_jax.comparison import classical, external, plan, selection
from au_jax.comparison import scores as score_files
from au_jax.comparison.plan import Row, Run
from au_jax.comparison.scores import METRICS, Conditions, Key, Result, Scores
from au_jax.data.split import labels, open_split
from au_jax.evaluation import metrics
from au_jax.types import AU_PATHS, DOMAINS, RULES, Config

Json = dict[str, Any]

REFERENCES = {"source_only": "direct", "adld": "reconstructed"}
"""The rows that others are compared with, and their path on the target."""


def summarise(config: Config, workdir: Path, wanted: Conditions) -> Json:
    """Return the summary of all results that a folder holds so far.

    Args:
        config: The comparison, as configs/compare.py makes it.
        workdir: The folder of all runs and tables.
        wanted: The conditions of the config; results of others are left out.

    Raises:
        UserError: a result is damaged, or the data are absent.
    """
    by_row: dict[Row, dict[int, Result]] = {row: {} for row in plan.rows(config)}
    runs = {(run.row, run.seed): run for run in plan.runs(config, workdir)}
    candidates = []
    for row, found in by_row.items():
        if row.method in classical.NAMES:
            if result := score_files.read(workdir / row.name, wanted):
                found[0] = result
            continue
        for seed in config.seeds:
            run = runs[row, seed]
            if result := score_files.read(run.folder, wanted):
                found[seed] = _with_cost_of_starts(run, result)
                candidates += selection.candidates(run, result)
    rows = []
    for row, found in by_row.items():
        if found:
            rows += _row_entries(config, row, found, by_row)
    for folder in sorted((workdir / external.FOLDER).glob("*")):
        if result := score_files.read(folder, wanted):
            rows += _row_entries(config, Row(folder.name), {0: result}, by_row, True)
    return {
        "setting": _setting(config) | _origins(config),
        "always_active": _always_active(config),
        "rows": rows,
        "label_free": _rounded(selection.study(candidates)),
    }


def _with_cost_of_starts(run: Run, result: Result) -> Result:
    """Add the seconds of the runs that a run starts from."""
    cost, start = dict(result.cost), run.start
    while start is not None:
        before = score_files.read(start.folder, result.conditions)
        cost["seconds"] += before.cost["seconds"] if before else math.nan
        start = start.start
    return dataclasses.replace(result, cost=cost)


def _setting(config: Config) -> Json:
    run = config.run
    return {
        "note": config.note,
        "source": run.data.source,
        "target": run.data.target,
        "split": config.split,
        "aus": list(run.data.aus),
        "crop": run.data.crop,
        "width": run.model.width,
        "epochs": {stage: run[stage].epochs for stage in _stages(config)},
        "batch_size": {stage: run[stage].batch_size for stage in _stages(config)},
        "seeds": list(config.seeds),
        "resamples": config.bootstrap,
        "label_free": run.eval.label_free,
    }


def _origins(config: Config) -> Json:
    """Return by domain the raw set and the rule of the test split, "" if not known."""
    data = config.run.data
    splits = {
        domain: open_split(data.data_dir, data[domain], config.split, tuple(data.aus))
        for domain in DOMAINS
    }
    return {
        "datasets": {domain: split.dataset for domain, split in splits.items()},
        "split_rules": {domain: split.split_rule for domain, split in splits.items()},
    }


def _stages(config: Config) -> list[str]:
    """Return the stages of all rows and of what they start from."""
    methods = [row.method for row in plan.rows(config)]
    recipes = [config.recipes[m] for m in methods if m not in classical.NAMES]
    before, starts = recipes, []
    while before := [config.recipes[r.start] for r in before if r.start]:
        starts = before + starts
    return list(dict.fromkeys(s for r in (*starts, *recipes) for s in r.stages))


def _row_entries(
    config: Config,
    row: Row,
    results: Mapping[int, Result],
    by_row: Mapping[Row, Mapping[int, Result]],
    is_tool: bool = False,
) -> list[Json]:
    """Return an entry per path of a row: "", or "direct" before others.

    Args:
        config: The comparison.
        row: The row; of another tool, its method is the tool's name.
        results: The results of the row, by seed.
        by_row: The results of all rows of the config.
        is_tool: True for another tool, which may have the name of a method.
    """
    found = {key.path for result in results.values() for key in result.scores}
    order = ("", *reversed(AU_PATHS), score_files.MEAN, score_files.CENTRED)
    paths = [path for path in order if path in found]
    is_trained = not is_tool and row.method in config.recipes
    title = row.method if is_tool else classical.NAMES.get(row.method, row.method)
    if is_trained:
        title = config.recipes[row.method].title
    references = {
        name: by_row.get(Row(name, row.head or config.heads[0].split(",")[0]), {})
        for name in REFERENCES
    }
    return [
        {
            "method": row.method,
            "title": " ".join(filter(None, (title, row.change))),
            "head": row.head,
            "path": path,
            "seeds": sorted(results) if is_trained else [],
            "cost": _rounded(
                {
                    name: float(np.mean([r.cost[name] for r in results.values()]))
                    for name in next(iter(results.values())).cost
                }
            ),
            "scores": _scores(path, results, references, is_trained),
        }
        for path in paths
    ]


def _scores(
    path: str,
    results: Mapping[int, Result],
    references: Mapping[str, Mapping[int, Result]],
    is_trained: bool,
) -> Json:
    """Return the scores of a path by rule, domain and metric.

    Runs are compared with those of the same seeds. A row without seeds is compared with
    all runs of the reference.
    """
    by_rule: Json = {}
    for rule in RULES:
        for domain in DOMAINS:
            key = Key(rule, domain, path)
            found = _by_seed(results, key)
            if not found:
                continue
            compared = {}
            for name, others in references.items():
                of = REFERENCES[name] if domain == "target" else "direct"
                theirs = _by_seed(others, Key(rule, domain, of))
                if is_trained:
                    shared = [seed for seed in found if seed in theirs]
                    pair = [found[s] for s in shared], [theirs[s] for s in shared]
                else:
                    pair = list(found.values()), list(theirs.values())
                if pair[1] and pair[0][0] is not pair[1][0]:  # not the reference itself
                    compared[name] = pair
            by_rule.setdefault(rule, {})[domain] = {
                metric: _metric(metric, list(found.values()), compared)
                for metric in METRICS
            }
    return by_rule


def _by_seed(results: Mapping[int, Result], key: Key) -> dict[int, Scores]:
    return {s: r.scores[key] for s, r in results.items() if key in r.scores}


def _metric(
    metric: str,
    found: Sequence[Scores],
    compared: Mapping[str, tuple[Sequence[Scores], Sequence[Scores]]],
) -> Json:
    per_au = np.stack([one.values[metric] for one in found])
    means = np.array([_mean(one.values[metric]) for one in found])
    entry: Json = {
        "mean": float(means.mean()),
        "sd": float(means.std(ddof=1)) if len(means) > 1 else math.nan,
        "interval": _interval(_resampled(metric, found)),
        "aus": per_au.mean(axis=0).tolist(),
        "by_seed": means.tolist(),
    }
    for name, (ours, theirs) in compared.items():
        if _aus_with(metric, ours) != _aus_with(metric, theirs):
            continue  # a tool that lacks an AU: means over other AUs tell nothing
        first, second = (
            np.mean([_mean(one.values[metric]) for one in side])
            for side in (ours, theirs)
        )
        entry[f"minus_{name}"] = [
            float(first - second),
            *_interval(_resampled(metric, ours) - _resampled(metric, theirs)),
        ]
    return _rounded(entry)


def _aus_with(metric: str, found: Sequence[Scores]) -> set[int]:
    """Return the columns of the AUs that any run has a score of."""
    stacked = np.stack([one.values[metric] for one in found])
    return {int(a) for a in np.flatnonzero((~np.isnan(stacked)).any(axis=0))}


def _resampled(metric: str, found: Sequence[Scores]) -> np.ndarray:
    """Return the means over seeds for each resample."""
    return np.mean([one.resampled[metric] for one in found], axis=0)


def _interval(resampled: np.ndarray) -> list[float]:
    """Return the interval of 95 %."""
    known = resampled[~np.isnan(resampled)]
    if not len(known):
        return [math.nan, math.nan]
    return [float(x) for x in np.quantile(known, (0.025, 0.975))]


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan


def _always_active(config: Config) -> Json:
    """Return the scores of the trivial answer by domain and metric."""
    data, by_domain = config.run.data, {}
    for domain in DOMAINS:
        split = open_split(data.data_dir, data[domain], config.split, tuple(data.aus))
        found = metrics.always_active(*labels(split))
        by_domain[domain] = {
            metric: _rounded(
                {
                    "mean": found.mean(name),
                    "aus": getattr(found, name).tolist(),
                }
            )
            for metric in METRICS
            for name in [metric.removesuffix("_at_thresholds")]
        } | {"images": len(split)}
    return by_domain


def _rounded(value: Any) -> Any:
    """Round fractions to five decimals: more would be noise."""
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_rounded(v) for v in value]
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 5)
    return value
