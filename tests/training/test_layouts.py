"""Processes x devices, by the real program: every layout trains the same run.

Each layout repeats itself bit for bit. Layouts sum over devices in different orders:
the last digits differ, and training amplifies that. Measured differences, relative to
the value or the norm (the tolerances are about ten times as large):

    landmarks   metrics 6e-7   parameters 1e-8   statistics 5e-8   Adam's moments 3e-7
    joint       metrics 2e-4   parameters 2e-6   statistics 2e-7   Adam's moments 2e-4

(The joint stage begins with 5e-7.) Two devices have only one order of summation: see
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
# For metrics; for parameters, batch statistics and Adam's moments together.
TOLERANCES = {
    "landmarks": (1e-5, (1e-7, 1e-6, 1e-5)),
    "joint": (2e-3, (2e-5, 2e-6, 2e-3)),
}
LAST = {"landmarks": "8", "joint": "4"}


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
    for layout in LAYOUTS:
        train(layout, folder / layout, data, "--config.landmarks.epochs=2")
    return folder


def assert_same_run(actual, expected, stage):
    of_metrics, of_arrays = TOLERANCES[stage]
    ours, theirs = (
        [line for line in metrics(run) if line.pop("stage") == stage]
        for run in (actual, expected)
    )
    assert [line["step"] for line in ours] == [line["step"] for line in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert one == pytest.approx(other, rel=of_metrics, nan_ok=True), one["step"]
    parts = (arrays(run, stage, LAST[stage]) for run in (actual, expected))
    for one, other, tolerance in zip(*parts, of_arrays, strict=True):
        assert distance(one, other) < tolerance


def distance(actual, expected):
    """Return the norm of all differences, relative to the norm of all numbers.

    A single number may differ: Adam's steps have the sign of gradients of noise.
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
