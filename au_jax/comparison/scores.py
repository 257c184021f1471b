"""The scores of one run or classical detector on the test splits, and their file."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import expit, logit

from au_jax.comparison import classical
from au_jax.data.split import labels, open_split
from au_jax.errors import UserError
from au_jax.evaluation import metrics
from au_jax.evaluation.bootstrap import Weights, means, people_of
from au_jax.evaluation.calibration import best_threshold
from au_jax.evaluation.label_free import matching_thresholds
from au_jax.types import DOMAINS, Config
from au_jax.workdir import data_record
from au_jax.workdir.array_file import read_arrays, write_arrays
from au_jax.workdir.validations import Answers

FILE = "comparison.npz"

METRICS = {
    "f1": "F1 at .5",
    "f1_at_thresholds": "F1 at thresholds",
    "accuracy": "accuracy",
    "average_precision": "AP",
    "auc": "AUC",
}
"""Titles by name."""


MEAN, CENTRED = "mean", "centred"
"""Paths whose answers are made from others: the mean of both paths, and the direct
path's without what is a person's own (`centred`)."""


class Key(NamedTuple):
    """What a score is of."""

    rule: str
    """The rule of `RULES` that chose checkpoint and thresholds."""
    domain: str
    path: str
    """The path to the AUs; "" for a classical detector."""


@dataclasses.dataclass(frozen=True)
class Scores:
    """The scores of one path on one domain."""

    step: int
    """The chosen checkpoint; 0 for a classical detector."""
    thresholds: tuple[float, ...]
    values: dict[str, Float[np.ndarray, "a"]]
    """By metric: fractions per AU, NaN where undefined."""
    resampled: dict[str, Float[np.ndarray, "r"]]
    """By metric: the mean over AUs in each resample."""


class Conditions(NamedTuple):
    """What scores depend on beside the run: others must not be mixed with them."""

    split: str
    resamples: int
    mean_of_paths: bool = False
    centred: bool = False
    data: str = ""
    """A digest of the data sets; "" in results of older versions."""


def conditions(config: Config) -> Conditions:
    """Return the conditions that a comparison asks for; it reads the labels of tests.

    Raises:
        UserError: a set or split is absent.
    """
    return Conditions(
        config.split,
        config.bootstrap,
        config.mean_of_paths,
        config.centred,
        _digest(config),
    )


def _digest(config: Config) -> str:
    """Return a digest of the data sets, and of the labels and people of the tests.

    Classical detectors have no config to compare, and differences to the resamples of
    other people would not be paired.
    """
    data, digest = config.run.data, hashlib.sha256()
    for domain in DOMAINS:
        splits = [
            open_split(data.data_dir, data[domain], name, tuple(data.aus))
            for name in (*data[f"{domain}_splits"], config.split)
        ]
        said = [domain, list(data.aus), data_record.describe(splits)]
        digest.update(json.dumps(said).encode())
        for array in (*labels(splits[-1]), people_of(splits[-1])):
            digest.update(array.tobytes())
    return digest.hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class Result:
    """What the file of a run holds."""

    conditions: Conditions
    cost: dict[str, float]
    """"steps" and "seconds" of training, "parameters" of the networks."""
    scores: dict[Key, Scores]
    reverse: dict[int, float]
    """Reverse validation of each validated step, where the networks detect AUs."""


@dataclasses.dataclass(frozen=True)
class SplitLabels:
    """The labels of a test split, and its resamples."""

    aus: Float[np.ndarray, "n a"]
    known: Bool[np.ndarray, "n a"]
    weights: Weights


def score(
    p: Float[np.ndarray, "n a"],
    thresholds: tuple[float, ...],
    test: SplitLabels,
    step: int = 0,
) -> Scores:
    """Score the answers for a test split."""
    at_half = metrics.score(p, test.aus, test.known)
    at_thresholds = metrics.score(p, test.aus, test.known, thresholds)
    values = {m: getattr(at_half, m) for m in METRICS if m != "f1_at_thresholds"}
    values["f1_at_thresholds"] = at_thresholds.f1
    resampled = means(test.weights, p, test.aus, test.known, thresholds)
    return Scores(step, thresholds, values, resampled)


def with_more_paths(
    by_path: Mapping[str, Float[np.ndarray, "n a"]],
    wanted: Conditions,
    person: Callable[[], Int[np.ndarray, "n"]],
) -> dict[str, Float[np.ndarray, "n a"]]:
    """Return the answers, and those of the paths that are made from them.

    Args:
        by_path: Probabilities by path.
        wanted: Says which paths are wanted; `MEAN` needs two paths.
        person: Returns the person of each image; called for `CENTRED` alone.
    """
    found = dict(by_path)
    if wanted.mean_of_paths and len(by_path) > 1:
        found[MEAN] = np.mean(list(by_path.values()), axis=0)
    if wanted.centred:
        found[CENTRED] = centred(by_path["direct"], person())
    return found


def centred(
    p: Float[np.ndarray, "n a"], person: Int[np.ndarray, "n"]
) -> Float[np.ndarray, "n a"]:
    """Return probabilities without each person's mean logit (`classical.centred`).

    The mean over all images takes its place, so that the answers keep their level. This
    needs no labels, but several images of each person; the answers for a person with
    few images stay as they are.
    """
    logits = logit(np.clip(p.astype(np.float64), 1e-6, 1 - 1e-6))
    level = logits.mean(axis=0)
    return expit(classical.centred(logits, person) + level).astype(np.float32)


def choose_thresholds(
    rule: str, domain: str, path: str, validation: Mapping[str, Answers]
) -> tuple[float, ...]:
    """Return one threshold per AU, chosen on validation splits by a rule of `RULES`.

    The source's are those with the best F1 on the source, by any rule. The target's are
    likewise chosen on the source or on the target; without labels of the target, they
    are those at which its share of active answers is the source's share of labels.
    """
    source = validation["source"]
    if domain == "target" and rule == "label_free":
        rates = metrics.active_rates(source.aus, source.known)
        return matching_thresholds(validation["target"].probabilities[path], rates)
    chosen_on = validation["target"] if (domain, rule) == ("target",) * 2 else source
    p = chosen_on.probabilities[path]
    return tuple(
        best_threshold(p[k, a], chosen_on.aus[k, a] > 0)
        for a, k in enumerate(chosen_on.known.T)
    )


def write(folder: Path, result: Result) -> None:
    """Store a result.

    Raises:
        UserError: the disk is full.
    """
    arrays, entries = {}, []
    for number, (key, found) in enumerate(result.scores.items()):
        entries.append([*key, found.step, found.thresholds])
        for kind in ("values", "resampled"):
            for metric, array in getattr(found, kind).items():
                arrays[f"{number}/{kind}/{metric}"] = array
    text = json.dumps(
        {
            "conditions": result.conditions,
            "cost": result.cost,
            "scores": entries,
            "reverse": result.reverse,
        }
    )
    write_arrays(folder / FILE, {"text": np.array(text), **arrays})


def read(folder: Path, wanted: Conditions) -> Result | None:
    """Read the result of a folder; None if it has none yet for these conditions.

    Raises:
        UserError: the file is damaged.
    """
    path, remedy = folder / FILE, "delete it and run the same command again"
    try:
        arrays: dict[str, Any] = read_arrays(path, remedy)
        result = _parsed(arrays)
        return result if _same(result.conditions, wanted) else None
    except FileNotFoundError:
        return None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path} is damaged; {remedy}") from error


def _same(one: Conditions, other: Conditions) -> bool:
    if not (one.data and other.data):  # of an older version, which did not store it
        one, other = one._replace(data=""), other._replace(data="")
    return one == other


def _parsed(arrays: dict[str, Any]) -> Result:
    text = json.loads(str(arrays.pop("text")))
    scores = {}
    for number, (rule, domain, of, step, limits) in enumerate(text["scores"]):
        kinds: dict[str, dict[str, np.ndarray]] = {"values": {}, "resampled": {}}
        for name, array in arrays.items():
            at, kind, metric = name.split("/")
            if int(at) == number:
                kinds[kind][metric] = array
        scores[Key(rule, domain, of)] = Scores(step, tuple(limits), **kinds)
    reverse = {int(step): value for step, value in text["reverse"].items()}
    return Result(Conditions(*text["conditions"]), text["cost"], scores, reverse)
