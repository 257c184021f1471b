"""Processes x devices, by the real program: every layout trains the same run.

Each layout repeats itself bit for bit. Layouts sum over devices in different orders:
the last digits differ, and training amplifies that. Gradient norms and Adam's moments
differ more than losses and parameters, probably because gradients jump where a rounding
changes a maximum of CBAM's pooling or a sign at a PReLU. Decisions, and so scores, jump
as well. The largest measured differences on two kinds of CPU, relative to the value or
the norm (the tolerances are five to ten times as large, or more):

    landmarks   losses 3e-7   gradient norms 3e-3   parameters 2e-7   moments 8e-4
    joint       losses 3e-4   gradient norms 4e-3   parameters 3e-5   moments 2e-3
    dann        losses 4e-4   gradient norms 2e-5   parameters 3e-5   moments 2e-3

(The joint stage begins with 5e-7. Of dann, the largest difference of losses is that of
a score without labels that is almost 0; its parameters differ by 5e-8 on the other kind
of CPU.) Two devices have only one order of summation: see
tests/runtime/test_processes.py for their equal bits.
"""

import jax
import numpy as np
import pytest

from tests.programs import arrays, finish, metrics, start, start_two
from tests.synthetic import write_prepared

TINY = (
    "--config=configs/joint.py:tiny",
    "--config.max_steps_per_epoch=4",
    "--config.log_every=1",
    "--config.joint.epochs=1",
)
LAYOUTS = ("1x1", "1x4", "2x2")
# For losses; for parameters, batch statistics and Adam's moments together.
TOLERANCES = {
    "landmarks": (1e-5, (2e-6, 2e-6, 1e-2)),
    "joint": (3e-3, (3e-4, 3e-4, 2e-2)),
    "dann": (3e-3, (3e-4, 3e-4, 1e-2)),
}
OF_NORMS = 4e-2
# Absolute, for scores from 0 to 1 of the 48 labels that the tests validate on.
OF_SCORES = 0.1
SCORES = ("_f1", "_accuracy", "_average_precision", "_auc")
LAST = {"landmarks": "8", "joint": "4", "dann": "4"}


def train(layout, workdir, data, *flags):
    """Train to the end in a layout "processes x devices of each"."""
    processes, devices = map(int, layout.split("x"))
    begin = {1: start, 2: start_two}[processes]
    running = begin(workdir, data, *TINY, *flags, devices=devices)
    for process in running if isinstance(running, list) else [running]:
        finish(process)


@pytest.fixture(scope="module", autouse=True)
def optimized():
    """Compile as for users: unoptimized programs add one number after another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("XLA_FLAGS")
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    write_prepared(folder, "bp4d")
    write_prepared(folder, "emotionet", labelled_train=False)
    return str(folder)


@pytest.fixture(scope="module")
def runs(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    stages = [f"--config.stages={stage}" for stage in LAST]
    for layout in LAYOUTS:
        train(layout, folder / layout, data, *stages, "--config.landmarks.epochs=2")
    return folder


def assert_same_run(actual, expected, stage):
    of_losses, of_arrays = TOLERANCES[stage]
    ours, theirs = (
        [line for line in metrics(run) if line.pop("stage") == stage]
        for run in (actual, expected)
    )
    assert [line["step"] for line in ours] == [line["step"] for line in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert one.keys() == other.keys()
        for name, value in other.items():
            tolerance = {"rel": of_losses}
            if name.startswith("gradient_norm/"):
                tolerance = {"rel": OF_NORMS}
            elif name.endswith(SCORES) or (stage, name[:10]) == ("joint", "selection/"):
                tolerance = {"abs": OF_SCORES}
            close = pytest.approx(value, nan_ok=True, **tolerance)
            assert one[name] == close, (name, one["step"])
    parts = (arrays(run, stage, LAST[stage]) for run in (actual, expected))
    for one, other, tolerance in zip(*parts, of_arrays, strict=True):
        assert distance(one, other) < tolerance


def distance(actual, expected):
    """Return the norm of all differences, relative to the norm of all numbers.

    Single numbers may differ: where a gradient is noise, Adam steps by its sign.
    """
    one, other = (
        np.concatenate([np.ravel(leaf).astype(float) for leaf in jax.tree.leaves(tree)])
        for tree in (actual, expected)
    )
    return np.linalg.norm(one - other) / np.linalg.norm(other)


@pytest.mark.slow
@pytest.mark.parametrize("stage", LAST)
@pytest.mark.parametrize("layout", LAYOUTS[1:])
def test_layouts_train_the_same(runs, layout, stage):
    assert_same_run(runs / layout, runs / "1x1", stage)


@pytest.mark.slow
@pytest.mark.parametrize("layouts", [("1x4", "2x2"), ("2x2", "1x4"), ("1x4", "1x1")])
def test_one_layout_resumes_from_the_checkpoint_of_another(
    runs, data, tmp_path, layouts
):
    first, second = layouts
    stage = ("--config.stages=landmarks", "--config.landmarks.epochs")
    train(first, tmp_path, data, stage[0], f"{stage[1]}=1")
    train(second, tmp_path, data, stage[0], f"{stage[1]}=2")
    half = [line for line in metrics(runs / first) if line["step"] <= 4][:4]
    assert metrics(tmp_path)[:4] == half  # no step was repeated
    assert_same_run(tmp_path, runs / first, "landmarks")
