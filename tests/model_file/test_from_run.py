"""What a model says of its usual answers. Expected: NumPy's medians."""

import numpy as np

from au_jax.model_file import from_run
from au_jax.workdir import start_log, validations
from au_jax.workdir.validations import Answers
from configs import joint as joint_config


def test_usual_answers_are_medians_over_all_and_over_neutral_faces(tmp_path):
    rng = np.random.default_rng(0)
    answers = {}
    for domain in ("source", "target"):
        p = {path: rng.random((30, 3)) for path in ("direct", "reconstructed")}
        aus = (rng.random((30, 3)) < 0.4).astype(np.float32)
        known = rng.random((30, 3)) < 0.8
        answers[domain] = Answers(p, aus * known, known)
    # The target has no label of the second AU, and no inactive one of the third.
    target = answers["target"]
    target.known[:, 1] = False
    target.aus[:, 2] = target.known[:, 2]
    validations.write(tmp_path, "joint", 8, answers)
    usual = from_run._usual(tmp_path, "target", "joint", 8)
    for path in ("direct", "reconstructed"):
        p = target.probabilities[path]
        np.testing.assert_allclose(
            usual[path]["all"], np.median(p, axis=0), atol=1e-3
        )  # answers are stored in half precision
        own = p[target.known[:, 0] & (target.aus[:, 0] == 0), 0]
        source = answers["source"]
        others = [
            source.probabilities[path][
                source.known[:, au] & (source.aus[:, au] == 0), au
            ]
            for au in (1, 2)
        ]
        expected = [np.median(values) for values in (own, *others)]
        np.testing.assert_allclose(usual[path]["neutral"], expected, atol=1e-3)
    assert from_run._usual(tmp_path, "target", "joint", 16) == {}


def test_a_card_names_the_raw_sets_that_were_read(tmp_path):
    config = joint_config.get_config("tiny")
    assert "datasets" not in from_run._training(config, tmp_path, "target", 1)
    start_log.record(tmp_path, {}, {"mine": "bp4d"}, {"mine": "CC BY 4.0"})
    card = from_run._training(config, tmp_path, "target", 1)
    assert card["datasets"] == {"mine": "bp4d"}
    assert card["licences"] == {"mine": "CC BY 4.0"}
