"""Expected: the written values, read by hand from the formats' definitions."""

import contextlib
import json
import math
import struct
from typing import Any

import pytest
from tensorboardX.proto import event_pb2

from au_jax.workdir import metrics_log
from au_jax.workdir.checkpoints import Position

# Protobuf defines the class when the module is imported.
Event: Any = vars(event_pb2)["Event"]


def writing(workdir, stage):
    return contextlib.closing(metrics_log.MetricsLog(workdir, stage))


def tensorboard_scalars(folder):
    """Read (step, name, value) from all event files: length, CRC, data, CRC."""
    actual = []
    for path in sorted(folder.iterdir()):
        data, at = path.read_bytes(), 0
        while at < len(data):
            (length,) = struct.unpack_from("<Q", data, at)
            event = Event.FromString(data[at + 12 : at + 12 + length])
            at += 16 + length
            actual += [(event.step, v.tag, v.simple_value) for v in event.summary.value]
    return actual


def test_a_line_and_events_per_step(tmp_path):
    with writing(tmp_path, "joint") as metrics:
        metrics.write(5, {"total": 1.5, "speed/steps_per_second": 2.0})
        metrics.write(10, {"total": math.nan})
    text = (tmp_path / "metrics.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [(x["stage"], x["step"], x["total"]) for x in lines] == [
        ("joint", 5, 1.5),
        ("joint", 10, None),
    ]
    scalars = tensorboard_scalars(tmp_path / "tensorboard" / "joint")
    assert scalars == [(5, "total", 1.5), (5, "speed/steps_per_second", 2.0)]


def test_no_step_appears_twice_after_resuming(tmp_path):
    for stage, steps in (("landmarks", (1, 2)), ("joint", (1, 2, 3))):
        with writing(tmp_path, stage) as metrics:
            for step in steps:
                metrics.write(step, {"total": float(step)})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"stage": "joint", "st')  # killed within a line
    metrics_log.cut_back(
        tmp_path, {"landmarks": Position(2, True), "joint": Position(2, True)}
    )
    with writing(tmp_path, "joint") as metrics:
        metrics.write(3, {"total": 3.0})
    actual = [(x["stage"], x["step"]) for x in metrics_log.read_metrics(tmp_path)]
    stages = [("landmarks", 1), ("landmarks", 2)]
    assert actual == [*stages, ("joint", 1), ("joint", 2), ("joint", 3)]
    scalars = tensorboard_scalars(tmp_path / "tensorboard" / "joint")
    assert [step for step, *_ in scalars] == [1, 2, 3]


def test_cutting_back_drops_stages_that_have_no_checkpoint(tmp_path):
    with writing(tmp_path, "joint") as metrics:
        metrics.write(2, {"total": 1.0})
    metrics_log.cut_back(tmp_path, {"landmarks": Position(2, True)})
    assert (tmp_path / "metrics.jsonl").read_text() == ""


@pytest.mark.parametrize("validated", [True, False])
def test_validation_that_no_checkpoint_followed_is_cut_off(tmp_path, validated):
    with writing(tmp_path, "joint") as metrics:
        metrics.write(2, {"total": 1.0})
        metrics.write(2, {"selection/source": 0.5})
    metrics_log.cut_back(tmp_path, {"joint": Position(2, validated)})
    assert len(list(metrics_log.read_metrics(tmp_path))) == 1 + validated


def test_best_is_the_highest_score_and_of_equal_ones_the_latest(tmp_path):
    with writing(tmp_path, "joint") as metrics:
        for step, score in ((1, 0.5), (2, 0.7), (3, 0.7), (4, 0.6)):
            values = {"selection/source": score, "val_source_direct_f1": score}
            metrics.write(step, values | {"selection/target": -math.inf})
    metrics_log.write_best(tmp_path)
    best = json.loads((tmp_path / "best.json").read_text())
    assert best == {"joint": {"source": {"step": 3, "val_source_direct_f1": 0.7}}}
