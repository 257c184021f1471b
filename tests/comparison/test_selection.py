"""How scores choose checkpoints. Expected: AUCs and ranks counted by hand."""

import json

import pytest

from au_jax.comparison import selection
from au_jax.comparison.plan import Row, Run
from au_jax.comparison.scores import Conditions, Result
from au_jax.comparison.selection import Candidate
from au_jax.workdir.metrics_log import FILE
from configs import joint

LOG = (
    {"stage": "supervised", "step": 9, "val_target_direct_auc": 0.5},
    {"stage": "dann", "step": 1, "total": 0.1},
    {
        "stage": "dann",
        "step": 2,
        "val_target_direct_auc": 0.7,
        "label_free/snd": 0.3,
        "selection/source": 0.4,
    },
)


def test_regret_is_what_the_choice_of_a_score_loses():
    rows = [("a", 1.0, 0.6), ("a", 3.0, 0.9), ("a", 3.0, 0.7), ("b", 4.0, 0.5)]
    rows.append(("b", 2.0, 0.8))
    found = [Candidate(run, {"snd": score}, auc) for run, score, auc in rows]
    [line] = selection.study(found)
    # Of equal scores, the last counts: .7 of `a`; and .5 of `b`, which is also the
    # choice of all.
    assert line["regret"] == pytest.approx((0.9 - 0.7 + 0.8 - 0.5) / 2)
    assert line["regret_over_runs"] == pytest.approx(0.9 - 0.5)
    assert (line["score"], line["checkpoints"], line["runs"]) == ("snd", 5, 2)
    # Ranks 1, 3.5, 3.5, 5, 2 and 2, 5, 3, 1, 4.
    assert line["rank_correlation"] == pytest.approx(-0.205, abs=1e-3)


def test_candidates_are_the_validated_steps_of_the_last_stage(tmp_path):
    text = "".join(json.dumps(line) + "\n" for line in LOG)
    (tmp_path / FILE).write_text(text)
    config = joint.get_config("tiny")
    config.stages = ("supervised", "dann")
    run = Run(Row("dann"), 0, config, tmp_path, None)
    result = Result(Conditions("test", 30), {}, {}, {2: 0.6})
    [found] = selection.candidates(run, result)
    assert found.auc == 0.7
    assert found.scores == {
        "snd": 0.3,
        "source_validation": 0.4,
        "reverse_validation": 0.6,
        "last_epoch": 2.0,
    }
    config.supervised.domain = "target"
    assert not selection.candidates(run, result)
