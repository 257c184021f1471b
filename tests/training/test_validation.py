"""Scores of a validation. Expected: those of the answers that each rule may see."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from au_jax.evaluation import label_free
from au_jax.evaluation.inference import SplitPredictions, score_predictions
from au_jax.training import validation


def draw_predictions(seed: int) -> SplitPredictions:
    rng = np.random.default_rng(seed)
    direct, reconstructed, aus = rng.random((3, 40, 3)).astype(np.float32)
    paths = {"direct": direct, "reconstructed": reconstructed}
    return SplitPredictions(paths, aus.round(), aus > 0.1, None)


@pytest.mark.parametrize(
    ("target_path", "seen"),
    [
        ("direct", "direct"),
        ("reconstructed", "reconstructed"),
        ("validation", "direct"),  # validation chooses by labels
    ],
)
def test_scores_without_labels_see_the_source_and_the_targets_answers(
    target_path, seen
):
    found = {"source": draw_predictions(0), "target": draw_predictions(1)}
    scored = {domain: score_predictions(one) for domain, one in found.items()}
    source, target = found.values()
    expected = label_free.scores(target.probabilities[seen], source.aus, source.known)
    assert validation.label_free_scores(found, scored, target_path) == expected


def test_each_domain_is_selected_by_its_own_path():
    """Expected: scikit-learn's F1. The source takes the path "direct" alone."""
    found = {"source": draw_predictions(0), "target": draw_predictions(1)}
    scored = {domain: score_predictions(one) for domain, one in found.items()}
    scores = validation.selection_scores(scored, "reconstructed")
    for domain, path in (("source", "direct"), ("target", "reconstructed")):
        one = found[domain]
        active = one.probabilities[path] >= 0.5
        f1 = [
            f1_score(one.aus[k, au] > 0, active[k, au])
            for au, k in enumerate(one.known.T)
        ]
        np.testing.assert_allclose(scores[domain], np.mean(f1), rtol=1e-5)
