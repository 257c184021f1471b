"""Reverse validation: labels that travel to the target and back (Zhong et al. 2010).

A detector's answers for the target's images become labels. A second detector learns
them, and is scored on the labels of the source: where the answers are wrong, it learns
something that the source contradicts. The second one is a classical detector on
landmarks and HOG, because it trains in a second.
"""

import functools
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from au_jax.data.split import open_split
from au_jax.evaluation import baselines, metrics
from au_jax.evaluation.label_free import matching_thresholds
from au_jax.types import DOMAINS, Config
from au_jax.workdir import validations

Numbers = baselines.Numbers


class ReverseValidation:
    """Scores of the validations of a run; the faces are read at the first use.

    Args:
        config: The comparison.
    """

    def __init__(self, config: Config):
        self.run = config.run

    @functools.cached_property
    def numbers(self) -> dict[str, Numbers]:
        """The features of the validation split of each domain."""
        data, faces = self.run.data, {}
        for domain in DOMAINS:
            name = data[f"{domain}_splits"][1]
            split = open_split(data.data_dir, data[domain], name, tuple(data.aus))
            faces[domain] = baselines.read(split)
        features = baselines.make_numbers(baselines.HOG, faces["target"])
        return {domain: features(found) for domain, found in faces.items()}

    def scores(self, folder: Path, stage: str) -> dict[int, float]:
        """Return the score of each validated step of a run, by the direct path.

        A run that validates on other splits than the comparison's has none.
        """
        found = {}
        for step in validations.steps(folder, stage):
            answers = validations.read(folder, stage, step)
            source, target = (answers[domain] for domain in DOMAINS)
            p = target.probabilities["direct"]
            if len(p) != len(self.numbers["target"]):
                return {}
            found[step] = score(p, self.numbers, source.aus, source.known)
        return found


def score(
    p: Float[np.ndarray, "n a"],
    numbers: dict[str, Numbers],
    aus: Float[np.ndarray, "m a"],
    known: Bool[np.ndarray, "m a"],
) -> float:
    """Return the mean AUC on the source of a detector that learned these answers.

    Args:
        p: The answers for the target's images; as many of them become active labels as
            the source has.
        numbers: The features of the images of both domains.
        aus: The labels of the source.
        known: False where there is no label.
    """
    rates = metrics.active_rates(aus, known)
    limits = matching_thresholds(p, rates)
    labels = metrics.decide(p, limits).astype(np.float32)
    detect = baselines.regress(numbers["target"], labels, np.ones_like(labels, bool))
    return metrics.score(detect(numbers["source"]), aus, known).mean("auc")
