"""Whole runs on drawn faces: train, resume, evaluate."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import optax
import pytest
from ml_collections import ConfigDict

from au_jax.errors import UserError
from au_jax.evaluation import calibration, faces_png, inference, metrics
from au_jax.evaluation.run import evaluate
from au_jax.faces import drawing
from au_jax.model_file import from_run
from au_jax.run_report.run import write_report
from au_jax.runtime import processes
from au_jax.stages import joint
from au_jax.training.run import train
from au_jax.workdir import best_networks as best_networks_module
from au_jax.workdir import checkpoints
from au_jax.workdir.best_networks import best_networks, best_stage
from au_jax.workdir.initial_networks import initial_networks
from configs import joint as joint_config
from configs import supervised as supervised_config
from tests.disk import files_up_to
from tests.stages.small import AUS
from tests.synthetic import write_prepared
from tests.trees import assert_trees_equal


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    write_prepared(folder, "bp4d")
    write_prepared(folder, "emotionet", labelled_train=False)
    return str(folder)


def tiny(data_dir, get_config=joint_config.get_config, variant="tiny"):
    config = get_config(variant)
    config.data.data_dir = data_dir
    config.max_steps_per_epoch = 2
    config.data.aus = AUS
    return config


@pytest.fixture(scope="module")
def trained(data_dir, tmp_path_factory):
    """Return the workdir of a run of stage one; tests that train in it copy it."""
    workdir = tmp_path_factory.mktemp("trained") / "run"
    config = tiny(data_dir)
    config.stages = ("landmarks",)
    train(config, workdir)
    return workdir


def read_metrics(workdir):
    text = (workdir / "metrics.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.slow
def test_every_stage_in_turn_then_evaluation(data_dir, tmp_path, capsys):
    config = tiny(data_dir)
    config.data.aus = joint_config.get_config("tiny").data.aus
    config.stages = ("landmarks", "joint", "finetune", "supervised")
    train(config, tmp_path)
    lines = read_metrics(tmp_path)
    assert {line["stage"] for line in lines} == set(config.stages)
    assert all(line["step"] == 2 for line in lines)
    logged = next(line for line in lines if line["stage"] == "joint")
    assert set(joint.active_weights(config)) <= set(logged)

    evaluate(tmp_path, "test", None)
    result = json.loads((tmp_path / "eval.json").read_text())
    assert [section["title"].split(":")[0] for section in result["sections"]] == [
        "source (bp4d), supervised (the floor)",
        "source (bp4d), direct path",
        "target (emotionet), supervised (the floor)",
        "target (emotionet), reconstructed path",
        "target (emotionet), direct path",
    ]
    assert result["sections"][0]["images"] == [8] * 6
    assert set(result["landmark_error_percent"]) == {"source", "target"}
    assert (tmp_path / "eval.md").read_text().count("always active: F1") == 5
    assert "AU17" in capsys.readouterr().out
    names = [line["name"].split(",")[0] for line in result["summary"]]
    trivial = ["always active", "landmarks alone", "landmarks and HOG"]
    assert names[:5] == [*trivial, "landmarks and patches", "supervised"]
    assert set(names[5:]) <= {"joint", "finetune"}
    last = result["summary"][-1]
    assert last["target"]["f1"] == result["sections"][3]["mean"]["f1"]
    calibration.calibrate(tmp_path, "val", "test", None)
    write_report(tmp_path, evaluate(tmp_path, "test", None), "test")
    page = (tmp_path / "report.html").read_text()
    for part in ("Terms of joint", "Validation of finetune", "Test: target", "AU 17"):
        assert part in page
    assert "recombined X" in page
    assert "before, after" in page
    assert "http" not in page.replace("http://www.w3.org", "").replace(
        "http://purl.org", ""
    ).replace("http://creativecommons.org", "").replace("https://matplotlib.org", "")
    result = json.loads((tmp_path / "eval.json").read_text())
    (shown,) = (s for s in result["sections"] if "calibrated" in s)
    assert shown["title"].startswith("target (emotionet), reconstructed path")
    chosen = json.loads((tmp_path / "thresholds.json").read_text())["thresholds"]
    assert shown["calibrated"]["thresholds"] == list(chosen.values())
    assert shown["calibrated"]["auc"] == shown["auc"]
    assert "path: chosen on val" in (tmp_path / "eval.md").read_text()
    assert [section["title"].split(" ")[1] for section in result["sections"]] == [
        *2 * ["(bp4d),"],
        *3 * ["(emotionet),"],
    ]
    sheet = cv2.imread(str(tmp_path / "faces.png"))
    assert sheet is not None
    # Licensed sets: no face, only points and text.
    assert np.median(sheet) in (drawing.EMPTY, 255)
    colours = [len(np.unique(sheet.reshape(-1, 3), axis=0))]
    for faces in ("blur", "show"):
        stages = {"source": "joint", "target": "joint"}
        path = tmp_path / "faces.png"
        faces_png.write(config, tmp_path, "test", stages, path, faces)
        shown = cv2.imread(str(tmp_path / "faces.png"))
        assert shown is not None
        colours.append(len(np.unique(shown.reshape(-1, 3), axis=0)))
    assert colours[0] < colours[1] < colours[2]


def test_joint_starts_from_the_networks_of_stage_one(data_dir, trained):
    config = tiny(data_dir)
    config.stages = ("landmarks", "joint")
    initial = initial_networks("joint", config, trained)
    best, _ = best_networks("landmarks", "source", config, trained)
    for name in ("feature_encoder", "landmark_detector"):
        for ours, theirs in zip(initial, best, strict=True):
            pair = (ours["task"][name], theirs["task"][name])
            assert_trees_equal(*pair)


def test_a_resumed_run_equals_an_uninterrupted_one(data_dir, trained, tmp_path):
    config = tiny(data_dir)
    config.stages = ("landmarks",)
    shutil.copytree(trained, tmp_path / "stopped")
    config.landmarks.epochs = 2
    for folder in ("stopped", "whole"):
        train(config, tmp_path / folder)
    pair = (
        best_networks("landmarks", "source", config, tmp_path / folder)
        for folder in ("stopped", "whole")
    )
    assert_trees_equal(*pair)
    steps = [
        (line["step"], line["total"])
        for folder in ("stopped", "whole")
        for line in read_metrics(tmp_path / folder)
        if "total" in line
    ]
    assert steps[: len(steps) // 2] == steps[len(steps) // 2 :]


def test_resuming_on_other_data_is_refused(data_dir, trained, tmp_path):
    run, moved = tmp_path / "run", tmp_path / "moved"
    shutil.copytree(trained, run)
    shutil.copytree(data_dir, moved)
    config = tiny(str(moved))
    config.stages = ("landmarks",)
    train(config, run)  # the folder alone may differ
    shutil.rmtree(moved / "bp4d")
    write_prepared(moved, "bp4d", {"train": 40, "val": 8, "test": 8})
    before = (run / "starts.jsonl").read_bytes()
    with pytest.raises(UserError) as caught:
        train(config, run)
    assert str(caught.value) == (
        f"{run}/landmarks was trained on other data: the number of images of bp4d/train"
        " was 24, now 40; give the folder of the old data (--config.data.data_dir), or"
        " another --workdir"
    )
    assert (run / "starts.jsonl").read_bytes() == before


class Met(Exception):
    """Raised at the point where all processes of a run wait for each other."""


def test_all_processes_open_the_same_checkpoints(
    data_dir, trained, tmp_path, monkeypatch
):
    """Orbax waits for all processes when one of them opens checkpoints."""
    config = tiny(data_dir)
    config.stages = ("landmarks",)
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    opened = []
    open_manager = checkpoints.open_manager

    def recorded(folder, *arguments, **options):
        opened[-1].append(folder)
        return open_manager(folder, *arguments, **options)

    def meet(name):
        raise Met(name)

    monkeypatch.setattr(checkpoints, "open_manager", recorded)
    monkeypatch.setattr(processes, "meet", meet)
    for first in (True, False):
        monkeypatch.setattr(processes, "first", lambda first=first: first)
        opened.append([])
        with pytest.raises(Met):
            train(config, tmp_path)
    assert opened[0] == opened[1] != []


def test_a_checkpoint_of_another_version_is_one_line(
    data_dir, trained, tmp_path, monkeypatch
):
    config = tiny(data_dir)
    config.stages = ("landmarks",)
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    config.landmarks.epochs = 2
    # The former format: a moment per parameter.
    monkeypatch.setattr(optax, "flatten", lambda optimizer: optimizer)
    with pytest.raises(UserError, match="/landmarks/2 was written by another version"):
        train(config, tmp_path)


@pytest.mark.slow
def test_supervised_learns_from_the_chosen_domain(data_dir, tmp_path):
    config = tiny(data_dir, supervised_config.get_config, "target,tiny")
    train(config, tmp_path)
    evaluate(tmp_path, "test", None)
    before = (tmp_path / "eval.json").read_bytes()
    result = json.loads(before)
    assert len(result["sections"]) == 2  # there is no reconstructed path
    with files_up_to(100), pytest.raises(UserError, match=r"cannot write .*eval\.json"):
        evaluate(tmp_path, "test", None)
    assert (tmp_path / "eval.json").read_bytes() == before
    assert from_run.load(tmp_path, "target").card["stage"] == "supervised"
    (tmp_path / "eval.json").write_bytes(b"")
    with pytest.raises(UserError, match=r"eval\.json"):
        from_run.load(tmp_path, "target")
    assert result["landmark_error_percent"] == {}
    # On another set, the model of the target is tested alone; the rest stays.
    evaluate(tmp_path, "test", None, on="bp4d")
    (section,) = json.loads((tmp_path / "eval-bp4d.json").read_text())["sections"]
    assert section["title"].startswith("target (bp4d), direct path")
    for file in ("eval-bp4d.md", "faces-bp4d.png"):
        assert (tmp_path / file).is_file()
    assert not (tmp_path / "eval.json").read_bytes()
    with pytest.raises(UserError, match="bp5d"):
        evaluate(tmp_path, "test", None, on="bp5d")


def test_domain_without_the_split_is_left_out_and_named(tmp_path, caplog):
    write_prepared(tmp_path, "bp4d", {"train": 4, "val": 4})
    write_prepared(tmp_path, "emotionet", {"train": 4, "val": 4, "test": 4})
    config = tiny(str(tmp_path), supervised_config.get_config, "source,tiny")
    train(config, tmp_path / "run")
    evaluate(tmp_path / "run", "test", None)
    assert "left out: " in caplog.text
    assert "bp4d/1.0.0 has no split 'test'" in caplog.text
    result = json.loads((tmp_path / "run" / "eval.json").read_text())
    assert [s["title"].split(" ")[0] for s in result["sections"]] == ["target"]
    assert (tmp_path / "run" / "faces.png").is_file()
    with pytest.raises(UserError, match="has no split 'tset'"):
        evaluate(tmp_path / "run", "tset", None)


def test_absent_data_are_named_with_the_command_that_makes_them(tmp_path):
    config = tiny(str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match=r"au_jax\.prepare --dataset=bp4d"):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("eval.at_end", "tset", "has no split 'tset'"),
        ("joint.batch_size", 4000, "config.joint.batch_size=4000, but"),
    ],
)
def test_mistake_of_a_later_part_is_found_before_training(
    data_dir, tmp_path, key, value, said
):
    config = tiny(data_dir)
    config.update_from_flattened_dict({key: value})
    with pytest.raises(UserError, match=said):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_au_that_the_source_does_not_code_is_refused(data_dir, tmp_path):
    config = tiny(data_dir)
    config.data.aus = (1, 2, 43)
    with pytest.raises(UserError, match="AU 43"):
        train(config, tmp_path)


def make_evaluation(**f1):
    values = np.array([0.5, 0.5])
    return inference.Evaluation(
        {
            path: metrics.AuScores(
                f1=np.array([value, value]),
                accuracy=values,
                average_precision=values,
                auc=values,
                images=np.array([4, 4]),
                positives=np.array([2, 2]),
            )
            for path, value in f1.items()
        },
        3.0,
    )


def test_checkpoints_are_chosen_by_the_path_that_answers():
    def score(domain, evaluation, target_path="reconstructed"):
        return round(inference.selection_score(domain, evaluation, target_path), 3)

    both = make_evaluation(direct=0.4, reconstructed=0.6)
    assert score("source", both) == 0.4
    assert score("target", both) == 0.6
    assert score("target", both, "direct") == 0.4
    assert score("target", both, "best") == 0.6
    better = make_evaluation(direct=0.7, reconstructed=0.6)
    assert score("target", better, "best") == 0.7
    direct = make_evaluation(direct=0.4)
    assert {score("target", direct, p) for p in ("reconstructed", "best")} == {0.4}
    assert score("source", inference.Evaluation({}, 3.0)) == -3


def test_finetuning_counts_only_if_it_improved(monkeypatch):
    def best(scores):
        monkeypatch.setattr(
            best_networks_module, "best_scores", lambda *_: dict(scores)
        )
        return best_stage(ConfigDict(), Path("run"), "target")

    assert best({"landmarks": -3.0, "joint": 0.4, "finetune": 0.5}) == "finetune"
    assert best({"landmarks": -3.0, "joint": 0.5, "finetune": 0.5}) == "joint"
    assert best({"landmarks": -3.0, "joint": 0.5}) == "joint"
    assert best({"landmarks": -3.0, "joint": 0.5, "supervised": 0.9}) == "joint"
    assert best({"supervised": 0.9}) == "supervised"
    with pytest.raises(UserError, match="no checkpoint"):
        best({})
