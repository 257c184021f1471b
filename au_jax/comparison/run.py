"""A comparison: train and test every run that is not done, then write the tables."""

import functools
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Float, Int

from au_jax.comparison import cost, other_rows, plan, scores, stored, summary, tables
from au_jax.comparison.apart import check_apart
from au_jax.comparison.other_rows import open_part
from au_jax.comparison.plan import Run
from au_jax.comparison.reverse_validation import ReverseValidation
from au_jax.comparison.scores import Conditions, Key, Result, SplitLabels
from au_jax.data.split import labels
from au_jax.errors import UserError
from au_jax.evaluation.bootstrap import people_of, resamples
from au_jax.evaluation.inference import make_predictor, predict_split
from au_jax.evaluation.run import PATHS
from au_jax.runtime import devices
from au_jax.runtime.files import locked
from au_jax.runtime.signals import Requests
from au_jax.stages import WITHOUT_AUS
from au_jax.training.run import train
from au_jax.types import DOMAINS, RULES, Config
from au_jax.workdir import validations
from au_jax.workdir.best_networks import best_networks

MORE_PATHS = {"source": (scores.CENTRED,), "target": (scores.MEAN, scores.CENTRED)}

ByDomain = dict[str, dict[str, Float[np.ndarray, "n a"]]]
"""Probabilities by domain and path."""

LOG = logging.getLogger(__name__)


def compare(
    config: Config,
    workdir: Path,
    requests: Requests,
    level: int | None = None,
    task: int | None = None,
    predictions: Sequence[tuple[str, Path]] = (),
) -> None:
    """Train and test every run that is not done yet; write the tables after each.

    A run that fails is reported, and left out with the runs that start from it; the
    others go on.

    Args:
        config: The comparison, as configs/compare.py makes it.
        workdir: The folder of all runs and tables.
        requests: The signals received.
        level: Only the runs of this level; no tables are written.
        task: Only the run of this number in the level.
        predictions: Names and tables of other tools.

    Raises:
        UserError: the config or the data have a mistake, or a run failed.
        Stopped: a signal asked for it; nothing is lost.
    """
    runs = plan.runs(config, workdir)
    selected = select(runs, level, task)
    check_apart(config, runs)
    labelled, conditions = read_labels(config), scores.conditions(config)
    alone = locked(workdir, f"comparing in {workdir}")
    with alone if level is None else nullcontext():
        if level is None:
            stored.check_done(selected, conditions)
            other_rows.score_tables(config, workdir, conditions, labelled, predictions)
            other_rows.name_left_out(workdir, conditions)
            other_rows.score_classical(config, workdir, conditions, labelled, requests)
            write_tables(config, workdir, conditions)
        failed = complete_all(
            config,
            workdir,
            conditions,
            selected,
            labelled,
            requests,
            with_tables=level is None,
        )
    if failed:
        names = ", ".join(str(folder.relative_to(workdir)) for folder in failed)
        raise UserError(
            f"{len(failed)} of {len(selected)} runs failed: {names}; the first:"
            f" {next(iter(failed.values()))}"
        )


def complete_all(
    config: Config,
    workdir: Path,
    conditions: Conditions,
    selected: Sequence[Run],
    labelled: Mapping[str, SplitLabels],
    requests: Requests,
    *,
    with_tables: bool,
) -> dict[Path, UserError]:
    """Train and test runs one after the other; return the folders of those that failed.

    Raises:
        Stopped: a signal asked for it.
    """
    reverse, begun = ReverseValidation(config), time.monotonic()
    failed: dict[Path, UserError] = {}
    for number, run in enumerate(selected, start=1):
        if run.start and run.start.folder in failed:
            failed[run.folder] = failed[run.start.folder]
            continue
        label = f"{run.row.name}, seed {run.seed}"
        LOG.info("run %d of %d: %s", number, len(selected), label)
        try:
            if not complete(run, conditions, labelled, reverse, requests):
                continue
        except UserError as error:
            LOG.error("%s: %s", label, error)
            failed[run.folder] = error
            continue
        if with_tables:
            write_tables(config, workdir, conditions)
        minutes = (time.monotonic() - begun) / 60
        LOG.info("%s: done, %.0f minutes since the start", label, minutes)
        jax.clear_caches()  # each run compiles programs of its own
    return failed


def select(runs: Sequence[Run], level: int | None, task: int | None) -> list[Run]:
    """Return the runs of a level, or one of them; all without a level.

    Raises:
        UserError: there is no such run.
    """
    if level is None:
        if task is not None:
            raise UserError("--task chooses a run of a level: give --level, too")
        return list(runs)
    if not runs:
        raise UserError(f"--level={level}: no method of config.methods is trained")
    found = [run for run in runs if run.level == level]
    if not found:
        raise UserError(
            f"--level={level}: there are levels 0 to {max(run.level for run in runs)}"
        )
    if task is None:
        return found
    if not 0 <= task < len(found):
        raise UserError(f"--task={task}: level {level} has tasks 0 to {len(found) - 1}")
    return [found[task]]


def rewrite_tables(config: Config, workdir: Path) -> None:
    """Write the tables of the runs that are done.

    Raises:
        UserError: one was trained or scored with another config, or the config or the
            data have a mistake.
    """
    runs, conditions = plan.runs(config, workdir), scores.conditions(config)
    check_apart(config, runs)
    with locked(workdir, f"comparing in {workdir}"):
        stored.check_done(runs, conditions)
        stored.check_none_left_out(config, workdir, runs, conditions)
        other_rows.name_left_out(workdir, conditions)
        write_tables(config, workdir, conditions)


def write_tables(config: Config, workdir: Path, conditions: Conditions) -> None:
    """Write compare.json, .md, .csv and .html from the results that there are."""
    tables.write(workdir, summary.summarise(config, workdir, conditions))


def read_labels(config: Config) -> dict[str, SplitLabels]:
    """Read the labels of the test split of both domains.

    Raises:
        UserError: a set or split is absent.
    """
    found = {}
    for domain in DOMAINS:
        split = open_part(config.run, domain, config.split)
        weights = resamples(people_of(split), config.bootstrap)
        found[domain] = SplitLabels(*labels(split), weights)
    return found


def complete(
    run: Run,
    conditions: Conditions,
    labelled: Mapping[str, SplitLabels],
    reverse: ReverseValidation,
    requests: Requests,
) -> bool:
    """Train and test a run; return False if that was done before.

    Raises:
        UserError: the run was trained with another config, or it fails.
        Stopped: a signal asked for it.
    """
    if scores.read(run.folder, conditions) is not None:
        stored.check_same(run)
        return False
    train(run.config, run.folder, requests)
    requests.check()
    stage = run.config.stages[-1]
    costs = {
        "steps": float(cost.num_steps(run)),
        "seconds": cost.training_seconds(run.folder),
        "parameters": float(cost.num_parameters(stage, run.config)),
    }
    found, reversed_scores = {}, {}
    if stage not in WITHOUT_AUS:
        found = score_run(run, conditions, labelled)
        reversed_scores = reverse.scores(run.folder, stage)
    scores.write(run.folder, Result(conditions, costs, found, reversed_scores))
    return True


def score_run(
    run: Run, conditions: Conditions, labelled: Mapping[str, SplitLabels]
) -> dict[Key, scores.Scores]:
    """Score the checkpoints of a run that each rule chooses."""
    config, stage = run.config, run.config.stages[-1]
    mesh = devices.make_mesh()
    predictor = make_predictor(stage, config, mesh)
    tested = {d: open_part(config, d, conditions.split) for d in DOMAINS}
    validated = {
        d: open_part(config, d, config.data[f"{d}_splits"][1]) for d in DOMAINS
    }

    @functools.cache  # once for all checkpoints, and not at all without `centred`
    def person(domain: str, is_test: bool) -> Int[np.ndarray, "n"]:
        return people_of((tested if is_test else validated)[domain])

    def complete_paths(by_domain: ByDomain, is_test: bool) -> ByDomain:
        return {
            domain: scores.with_more_paths(
                by_path, conditions, functools.partial(person, domain, is_test)
            )
            for domain, by_path in by_domain.items()
        }

    answers: dict[int, ByDomain] = {}
    found = {}
    for rule in RULES:
        variables, step = best_networks(stage, rule, config, run.folder)
        if step not in answers:
            placed = jax.device_put(variables, devices.replicated(mesh))
            given = {
                domain: predict_split(predictor, placed, split).probabilities
                for domain, split in tested.items()
            }
            answers[step] = complete_paths(given, is_test=True)
        validation = validations.read(run.folder, stage, step)
        given = {domain: of.probabilities for domain, of in validation.items()}
        for domain, by_path in complete_paths(given, is_test=False).items():
            validation[domain] = validation[domain]._replace(probabilities=by_path)
        for domain, by_path in answers[step].items():
            for path in (*PATHS[domain], *MORE_PATHS[domain]):
                if path not in by_path:
                    continue
                limits = scores.choose_thresholds(rule, domain, path, validation)
                scored = scores.score(by_path[path], limits, labelled[domain], step)
                found[Key(rule, domain, path)] = scored
    return found
