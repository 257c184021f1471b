"""Evaluate a run: its best checkpoints on a split of both domains."""

import dataclasses
import json
import logging
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from au_jax.data.split import FaceSplit, NoSuchSplit, open_split
from au_jax.errors import UserError
from au_jax.evaluation import baselines, faces_png, metrics, report, tables
from au_jax.evaluation.baselines import BaselineScores
from au_jax.evaluation.bootstrap import auc_intervals, people_of
from au_jax.evaluation.inference import load_best, predict_split, score_predictions
from au_jax.evaluation.report import ModelReport, PathScores, Report
from au_jax.runtime.files import write_whole
from au_jax.types import DOMAINS, Config
from au_jax.workdir import thresholds
from au_jax.workdir.best_networks import FLOOR, best_scores, best_stage, has_floor
from au_jax.workdir.config import read_config
from au_jax.workdir.target_path import target_path
from au_jax.workdir.thresholds import Thresholds

LOG = logging.getLogger(__name__)

PATHS = {"source": ("direct",), "target": ("reconstructed", "direct")}
"""The paths by which a domain is tested: the source as it is trained, the target by
both (method.md section 7)."""


def evaluate(
    workdir: Path,
    split: str,
    data_dir: str | None,
    faces: str | None = None,
    with_baselines: bool = True,
    on: str | None = None,
) -> Report:
    """Write `eval.json`, `eval.md` and `faces.png` into a run, and print the tables.

    Return what they show. With `on`, their names end in it: `eval-faces_wild.json`.

    Args:
        workdir: The work directory of the run.
        split: The split of both data sets.
        data_dir: The prepared data; None is the folder that training used.
        faces: "show", "blur" or "none"; None hides the faces of licensed sets.
        with_baselines: Train and score the classical detectors, too.
        on: Another prepared set, on which the model of the target is tested alone.

    Raises:
        UserError: the run has no checkpoint, or the data are absent.
    """
    config = read_config(workdir)
    if data_dir is not None:
        config.data.data_dir = data_dir
    if on is not None:
        config.data.target = on
    result = evaluate_run(config, workdir, split, ("target",) if on else DOMAINS)
    if with_baselines:
        domains = [model.domain for model in result.models]
        scores = score_baselines(config, split, domains)
        result = dataclasses.replace(result, baselines=scores)
    end = f"-{on}" if on else ""
    as_json = json.dumps(report.to_json(result), indent=2)
    write_whole(workdir / f"eval{end}.json", as_json)
    write_whole(workdir / f"eval{end}.md", tables.to_markdown(result))
    domains = {model.domain for model in result.models}
    stages = {d: best_stage(config, workdir, d) for d in DOMAINS if d in domains}
    sheet = workdir / f"faces{end}.png"
    faces_png.write(config, workdir, split, stages, sheet, faces)
    tables.print_report(result, Console())
    print(f"faces: {sheet}")
    return result


def evaluate_run(
    config: Config, workdir: Path, split: str, domains: Sequence[str] = DOMAINS
) -> Report:
    """Score domains, each by the checkpoint that is best on its validation.

    Beside the model stands the floor, if the run trained it (method.md section 5).
    """
    aus = tuple(config.data.aus)
    stored = thresholds.read(workdir, aus)
    has_a_floor = has_floor(best_scores(config, workdir, "source"))
    models = []
    for domain, data in open_splits(config, split, domains).items():
        model = best_stage(config, workdir, domain)
        if has_a_floor:
            floor = evaluate_stage(config, workdir, FLOOR, domain, data)
            models.append(dataclasses.replace(floor, is_floor=True))
        limits = stored if domain == "target" else None
        models.append(evaluate_stage(config, workdir, model, domain, data, limits))
    return Report(tuple(models))


def score_baselines(
    config: Config, split: str, domains: Sequence[str]
) -> tuple[BaselineScores, ...]:
    """Train the classical detectors on the source, and score them on some domains.

    Without the source's training split there are none, and a warning says so.
    """
    data = config.data

    def opened(domain: str, split: str) -> FaceSplit:
        return open_split(data.data_dir, data[domain], split, data.aus)

    try:
        train = opened("source", data.source_splits[0])
    except UserError as error:
        LOG.warning("no classical detectors: %s", error)
        return ()
    tests = {domain: opened(domain, split) for domain in dict.fromkeys(domains)}
    return baselines.score(train, tests)


def open_splits(
    config: Config, split: str, domains: Sequence[str] = DOMAINS
) -> dict[str, FaceSplit]:
    """Open the split of each domain that has it.

    Raises:
        NoSuchSplit: no domain has it.
        UserError: a data set is absent or damaged.
    """
    found: dict[str, FaceSplit] = {}
    errors: list[NoSuchSplit] = []
    for domain in domains:
        try:
            found[domain] = open_split(
                config.data.data_dir, config.data[domain], split, config.data.aus
            )
        except NoSuchSplit as error:
            errors.append(error)
    if not found:
        raise errors[0]
    for error in errors:
        LOG.warning("left out: %s", error)
    return found


def evaluate_stage(
    config: Config,
    workdir: Path,
    stage: str,
    domain: str,
    data: FaceSplit,
    limits: Thresholds | None = None,
) -> ModelReport:
    """Score the best checkpoint of a stage on one domain.

    Args:
        config: The config of the run.
        workdir: The work directory of the run.
        stage: The stage to load.
        domain: The domain whose validation chooses the checkpoint.
        data: The split to score.
        limits: The thresholds of the run; those of another checkpoint are ignored.
    """
    model = load_best(workdir, config, stage, domain)
    if limits is not None and (limits.stage, limits.step) != (stage, model.step):
        limits = None
    activity = f"{stage} on {data}"
    predictions = predict_split(
        model.predictor, model.variables, data, activity=activity
    )
    evaluation = score_predictions(predictions, limits)
    person = people_of(data)
    paths = []
    for path in PATHS[domain]:
        if path not in evaluation.scores:
            continue
        p = predictions.probabilities[path]
        bounds = auc_intervals(p, predictions.aus, predictions.known, person)
        found = PathScores(path, evaluation.scores[path], auc_interval=bounds.tolist())
        if limits is not None and path == limits.path:
            found = dataclasses.replace(
                found, calibrated=evaluation.calibrated, thresholds=limits
            )
        paths.append(found)
    return ModelReport(
        domain=domain,
        data_set=config.data[domain],
        split=data.parts[0].split,
        num_images=len(data),
        stage=stage,
        step=model.step,
        is_floor=False,
        aus=data.aus,
        paths=tuple(paths),
        always_active=metrics.always_active(predictions.aus, predictions.known),
        landmark_error=evaluation.landmark_error,
        answering=(
            target_path(config, workdir, stage, model.step)
            if domain == "target" and len(paths) > 1
            else None
        ),
        dataset=data.dataset,
        split_rule=data.split_rule,
    )
