"""The embedded sets on disk: labels, splits, equal bytes, interruptions."""

import csv
import dataclasses
import hashlib
import multiprocessing

import numpy as np
import pytest

from au_jax.data.split import labels, open_split
from au_jax.errors import UserError
from au_jax.rendering import sets
from au_jax.rendering.expression import AUS

SIZE = 0.006  # the smallest: one person of each split of the laboratory


def _files(folder):
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob("1.0.0/*"))
    }


@pytest.fixture(scope="module", autouse=True)
def _few_pictures():
    """Render four pictures of each person instead of nine."""
    plan = dataclasses.replace(sets.PLANS["faces_lab"], tasks=2, frames=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sets.PLANS, "faces_lab", plan)
        yield


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rendered")
    sets.render("faces_lab", folder, seed=0, size=SIZE, processes=1)
    return folder


def test_records_carry_the_labels_of_their_own_pictures(rendered):
    for split in ("train", "val", "test"):
        faces = open_split(rendered, "faces_lab", split, AUS)
        (job,) = (
            j for j in sets.jobs(sets.PLANS["faces_lab"], 0, SIZE) if j.split == split
        )
        stored, known = labels(faces)
        expected = [[row.aus[au] for au in AUS] for row in job.rows()]
        np.testing.assert_array_equal(stored, np.array(expected, float))
        assert known.all()
        np.testing.assert_allclose(
            np.stack([faces.record(i)["landmarks"] for i in range(len(faces))]),
            job.render()[0].landmarks,
            atol=1e-5,
        )


def test_no_person_is_in_two_splits():
    for plan in sets.PLANS.values():
        people = [(job.number, job.split) for job in sets.jobs(plan, 0, 1.0)]
        numbers = [number for number, _ in people]
        assert len(numbers) == len(set(numbers)) == sum(plan.people.values())


@pytest.mark.slow
def test_seed_and_number_of_processes(rendered, tmp_path):
    sets.render("faces_lab", tmp_path / "b", seed=0, size=SIZE, processes=2)
    assert _files(rendered / "faces_lab") == _files(tmp_path / "b" / "faces_lab")
    sets.render("faces_lab", tmp_path / "c", seed=1, size=SIZE, processes=2)
    other = _files(tmp_path / "c" / "faces_lab")
    assert _files(rendered / "faces_lab")["counts.json"] != other["counts.json"]


def test_an_interrupted_run_resumes(rendered, tmp_path, capsys):
    calls = []

    def pause():
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sets.render("faces_lab", tmp_path, 0, SIZE, 1, pause)
    assert not (tmp_path / "faces_lab" / "1.0.0").exists()
    sets.render("faces_lab", tmp_path, 0, SIZE, 1)
    assert _files(rendered / "faces_lab") == _files(tmp_path / "faces_lab")
    capsys.readouterr()
    sets.render("faces_lab", tmp_path, 0, SIZE, 1)
    assert "up to date" in capsys.readouterr().out


def test_a_process_that_dies(tmp_path):
    def kill():
        for process in multiprocessing.active_children():
            process.kill()

    with pytest.raises(UserError, match=r"renders faces died.* fewer --workers"):
        sets.render("faces_lab", tmp_path, 0, SIZE, 1, kill)


def test_a_set_is_not_replaced_in_silence(rendered, capsys):
    def stop():
        raise KeyboardInterrupt

    before = _files(rendered / "faces_lab")
    with pytest.raises(KeyboardInterrupt):
        sets.render("faces_lab", rendered, 1, SIZE, 1, stop)
    assert "was made with other settings: making it again" in capsys.readouterr().out
    assert _files(rendered / "faces_lab") == before


def test_each_picture_has_its_groups(rendered):
    with (rendered / "faces_lab" / "1.0.0" / "groups.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    expected = [
        row.path
        for job in sets.jobs(sets.PLANS["faces_lab"], 0, SIZE)
        for row in job.rows()
    ]
    assert [row["path"] for row in rows] == expected
    assert {row["glasses"] for row in rows} == {"no"}
    assert {row["sex"] for row in rows} <= {"female", "between", "male"}
