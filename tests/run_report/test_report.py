"""The report of a run. Expected: counts by hand, and features that give predictions."""

from typing import Any

import jax
import numpy as np
import pytest

from au_jax.evaluation.inference import SplitPredictions
from au_jax.evaluation.report import Report
from au_jax.run_report import maps, page, pictures, plots, run
from au_jax.stages import STAGES
from au_jax.stages.networks import infer, make_networks
from au_jax.types import Variables
from tests.stages.small import draw, small_config


def test_bins_have_the_means_of_what_they_hold():
    p = np.array([0.05, 0.07, 0.55, 1.0])
    x, y = plots.binned(p, np.array([False, True, True, True]), 10)
    np.testing.assert_allclose(x, [0.06, 0.55, 1.0])
    assert y == [0.5, 1, 1]


def test_confusion_counts_known_labels_only():
    found = SplitPredictions(
        {"direct": np.array([[0.9], [0.8], [0.1], [0.2], [0.9]], np.float32)},
        np.array([[1], [0], [1], [0], [0]], np.float32),
        np.array([[True], [True], [True], [True], [False]]),
        None,
    )
    cells = page.confusion_cells("direct", found, (12,))
    assert cells[0] == ["direct path", "AU 12"]
    assert [row[1] for row in cells[1:]] == ["1", "1", "1", "1"]


def test_plots_are_svg_and_repeatable():
    panels = {"total": {"": ([1.0, 2.0], [3.0, 2.0])}, "au": {"": ([1.0], [0.5])}}
    one, again = (plots.curves(panels, "step") for _ in range(2))
    assert one == again
    assert one.startswith("<svg")
    assert "total" in one
    aus, known = np.array([[1], [0]], np.float32), np.ones((2, 1), bool)
    p = {"direct": np.array([[0.7], [0.2]], np.float32)}
    assert "AU 12" in plots.precision_recall(p, aus, known, (12,))
    assert "AU 12" in plots.precision_recall(p, aus * 0, known, (12,))
    assert "AU 12" in plots.reliability(p, aus, known, (12,))


@pytest.fixture(scope="module")
def computed():
    config = small_config()
    variables = draw("joint", config)
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (2, 2, 128, 128, 3)).astype(np.float32)
    landmarks = np.zeros((2, 2, 49, 2), np.float32)  # its networks see none
    found = maps.compute("joint", config, variables, images, landmarks)
    return config, variables, images, found


def test_maps_are_those_that_the_aus_are_predicted_from(computed):
    config, variables, images, found = computed
    predict = jax.jit(STAGES["joint"].make_predict(config))
    landmarks = np.zeros((len(images[1]), 49, 2), np.float32)  # its head sees none
    expected = predict(variables, images[1], landmarks).aus["direct"]
    networks, stats = make_networks(config), variables.batch_stats["task"]
    logits = infer(
        networks.au_detector,
        variables.params["task"],
        stats,
        "au_detector",
        found.features[1],
        landmarks,
    )
    np.testing.assert_allclose(jax.nn.sigmoid(logits), expected, atol=1e-5)


def test_recombined_maps_have_this_background_and_the_other_attention(computed):
    config, variables, _, found = computed
    networks, generator = make_networks(config), variables.params["generator"]
    assert found.attention.shape == (2, 2, 32, 32)
    # G_st sees the attention as its sum over landmarks: one map carries it all.
    attention = np.zeros((2, 32, 32, 49), np.float32)
    attention[..., 0] = found.attention[1]
    expected: Any = networks.feature_generator.apply(
        {"params": generator["feature_generator"]}, attention, found.background[0]
    )
    np.testing.assert_allclose(found.recombined[0], expected, atol=1e-4)


def test_hidden_faces_show_no_features(computed):
    _, _, images, found = computed
    face = np.rint(127.5 * (images[0, 0] + 1)).astype(np.uint8)
    landmarks = np.full((49, 2), 0.5, np.float32)
    hidden = pictures.row(face, landmarks, landmarks, found, 0, 0, "none")
    shown = pictures.row(face, landmarks, landmarks, found, 0, 0, "show")
    assert len(hidden) == len(shown) == len(pictures.titles(found))
    for picture in hidden[2:]:
        assert len(np.unique(picture)) == 1
    for picture in shown:
        assert len(np.unique(picture)) > 5


def test_projections_have_two_numbers_per_image(computed):
    points = page.projected(computed[3])
    assert set(points) == {
        *("source", "target"),
        *("X, background of the source", "X, background of the target"),
    }
    assert {p.shape for p in points.values()} == {(2, 2)}


@pytest.mark.parametrize(
    ("stages", "before", "rule"),
    [
        (("landmarks", "joint", "finetune"), "joint", "target"),
        (("landmarks", "supervised", "mmd"), "landmarks", "source"),
    ],
)
def test_what_stands_before_a_stage_is_what_it_started_from(
    stages, before, rule, tmp_path, monkeypatch
):
    config = small_config()
    config.stages, config.init_from = stages, ""
    for stage in stages:
        (tmp_path / stage).mkdir()
    variables, taken = Variables({"task": {"feature_encoder": {}}}, {}), []

    def best(*arguments: Any) -> tuple[Variables, int]:
        taken.append(arguments[:2])
        return variables, 1

    monkeypatch.setattr(page, "best_networks", best)
    found = page._networks_before(config, tmp_path, stages[-1])
    assert (found, taken) == ((before, variables), [(before, rule)])


def test_an_origin_without_its_checkpoints_is_left_out(tmp_path):
    config = small_config()
    config.stages, config.init_from = ("joint",), str(tmp_path / "origin")
    (tmp_path / "origin").mkdir()
    assert page._networks_before(config, tmp_path / "run", "joint") is None


def test_without_matplotlib_a_line_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(run.importlib.util, "find_spec", lambda name: None)
    run.write_report(tmp_path, Report(()), "test")
    assert "Matplotlib is missing" in capsys.readouterr().out
