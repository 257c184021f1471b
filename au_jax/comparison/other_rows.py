"""The rows of a comparison without a training run: classical detectors, other tools."""

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from au_jax.comparison import classical, external, plan, scores
from au_jax.comparison.scores import Conditions, Key, Result, SplitLabels
from au_jax.data.split import FaceSplit, open_split
from au_jax.evaluation import baselines
from au_jax.evaluation.bootstrap import people_of
from au_jax.runtime.signals import Requests
from au_jax.types import DOMAINS, RULES, Config
from au_jax.workdir.validations import Answers

LOG = logging.getLogger(__name__)


def open_part(run: Config, domain: str, split: str) -> FaceSplit:
    """Open a split of a domain.

    Args:
        run: What the runs of a comparison share.
        domain: "source" or "target".
        split: The split.
    """
    return open_split(run.data.data_dir, run.data[domain], split, tuple(run.data.aus))


def score_tables(
    config: Config,
    workdir: Path,
    conditions: Conditions,
    labels: Mapping[str, SplitLabels],
    predictions: Sequence[tuple[str, Path]],
) -> None:
    """Score the tables of other tools."""
    if not predictions:
        return
    tables = [external.read(*prediction) for prediction in predictions]
    run = config.run
    test = [(domain, open_part(run, domain, config.split)) for domain in DOMAINS]
    names = {domain: run.data[f"{domain}_splits"][1] for domain in DOMAINS}
    validation = [(domain, open_part(run, domain, names[domain])) for domain in DOMAINS]
    for table in tables:
        external.score(table, test, validation, labels, workdir, conditions)


def name_left_out(workdir: Path, conditions: Conditions) -> None:
    """Warn of tools whose scores are of other conditions: the tables lack them."""
    for folder in sorted((workdir / external.FOLDER).glob("*")):
        if scores.read(folder, conditions) is None:
            LOG.warning(
                "the tables lack %s: its scores are of other data, people, resamples or"
                " another split; give --predictions=%s:FILE.csv again",
                *(folder.name, folder.name),
            )


def score_classical(
    config: Config,
    workdir: Path,
    conditions: Conditions,
    test: Mapping[str, SplitLabels],
    requests: Requests,
) -> None:
    """Train and test the classical detectors that are not done yet."""
    waiting = [
        row
        for row in plan.rows(config)
        if row.method in classical.NAMES
        and scores.read(workdir / row.name, conditions) is None
    ]
    if not waiting:
        return
    LOG.info("reading faces for %s", ", ".join(row.name for row in waiting))
    data = config.run.data
    splits: dict[tuple[str, str], classical.SplitFeatures] = {}
    for domain in DOMAINS:
        training, validation = data[f"{domain}_splits"]
        for name in (training, validation, config.split):
            requests.check()
            most = baselines.MOST_IMAGES if name == training else None
            splits[domain, name] = _read_split(config, domain, name, most)
    for row in waiting:
        requests.check()
        begun = time.monotonic()
        parts = (splits[d, data[f"{d}_splits"][0]] for d in DOMAINS)
        detect = classical.train(row.method, *parts)
        seconds = time.monotonic() - begun
        answers, found = {}, {}
        for domain in DOMAINS:
            split = splits[domain, data[f"{domain}_splits"][1]]
            faces = split.faces
            p = {"": detect(split)}
            answers[domain] = Answers(p, faces.aus, faces.known)
        for rule in RULES:
            for domain in DOMAINS:
                p = detect(splits[domain, config.split])
                limits = scores.choose_thresholds(rule, domain, "", answers)
                found[Key(rule, domain, "")] = scores.score(p, limits, test[domain])
        result = Result(conditions, {"seconds": seconds}, found, {})
        scores.write(workdir / row.name, result)


def _read_split(
    config: Config, domain: str, name: str, most: int | None
) -> classical.SplitFeatures:
    """Read the features of a split; of more than `most` images, equally spaced ones."""
    split = open_part(config.run, domain, name)
    step = -(-len(split) // most) if most else 1
    return classical.SplitFeatures(baselines.read(split, step), people_of(split, step))
