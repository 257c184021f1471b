"""The path that answers for the target. Expected: by hand, from a log of a run."""

import json

import pytest

from au_jax.errors import UserError
from au_jax.workdir import target_path as target_paths
from au_jax.workdir.target_path import target_path
from configs import joint as joint_config

NAN = float("nan")


@pytest.fixture
def run(tmp_path):
    """Return the folder of a run with three validations of `joint`."""
    values = {
        4: {"reconstructed": (0.2, 0.5), "direct": (0.3, 0.1)},
        8: {"reconstructed": (0.3, 0.5), "direct": (0.3, 0.4)},
        12: {"reconstructed": (None, None), "direct": (None, None)},
    }
    lines = [
        {"stage": "joint", "step": step, "selection/target": 0}
        | {
            f"val_target_{path}_{metric}": value
            for path, pair in by_path.items()
            for metric, value in zip(("f1", "average_precision"), pair, strict=True)
        }
        for step, by_path in values.items()
    ]
    lines.append({"stage": "joint", "step": 4, "total": 1.0})
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "metrics.jsonl").write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("value", "step", "expected"),
    [
        ("reconstructed", 4, "reconstructed"),
        ("direct", 8, "direct"),
        ("best", 4, "direct"),
        ("best", 8, "reconstructed"),  # equal F1: average precision decides
        ("best", 12, "reconstructed"),  # no labels to validate on
    ],
)
def test_path_of_a_checkpoint(run, value, step, expected):
    config = joint_config.get_config()
    config.eval.target_path = value
    assert target_path(config, run, "joint", step) == expected
    assert target_path(config, run, "supervised", step) == "direct"


def test_lost_log_is_one_line(run):
    config = joint_config.get_config()
    config.eval.target_path = "best"
    with pytest.raises(UserError, match="lacks the validation of joint, step 5"):
        target_path(config, run, "joint", 5)


def test_average_precision_decides_only_between_equal_f1():
    rank = target_paths.rank
    assert rank(0.4, 0.2) < rank(0.4, 0.3) < rank(0.41, 0.0)
    assert rank(0.4, NAN) == rank(0.4, 0.0)
    assert target_paths.best_path({"direct": NAN}) == "reconstructed"
