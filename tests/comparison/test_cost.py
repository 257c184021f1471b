"""The cost of a run. Expected: computed by hand."""

import json
import math

import pytest

from au_jax.comparison import cost


def seconds(folder, *lines) -> float:
    text = (json.dumps({"stage": s, "step": n} | more) + "\n" for s, n, more in lines)
    (folder / "metrics.jsonl").write_text("".join(text))
    return cost.training_seconds(folder)


def test_steps_count_at_their_speed(tmp_path):
    timed = ("a", 4, {"speed/steps_per_second": 2.0})
    slow = ("a", 10, {"speed/steps_per_second": 1.0})
    other = ("b", 3, {"speed/steps_per_second": 3.0})
    assert seconds(tmp_path, timed, ("a", 4, {}), slow, other) == pytest.approx(9.0)


def test_steps_without_a_speed_are_not_free(tmp_path):
    timed = ("a", 4, {"speed/steps_per_second": 2.0})
    assert seconds(tmp_path, timed, ("a", 6, {})) == pytest.approx(3.0)
    assert math.isnan(seconds(tmp_path, ("a", 2, {})))
    assert math.isnan(seconds(tmp_path, timed, ("b", 2, {})))
