"""Expected: the trees that the helpers wrote, and the shared photographs."""

import csv
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow_datasets as tfds
from absl.flags import FLAGS
from absl.testing import flagsaver

from au_jax import preparation
from au_jax import prepare as program_module
from au_jax.errors import UserError
from tests.raw_trees import make_finder, write_bp4d, write_emotionet, write_picture
from tests.shared_data import SHARED, needs_shared_data


def prepare(raw, out, dataset="bp4d", processes=1, seed=0, finder=make_finder):
    return preparation.run(dataset, raw, out, processes, seed, finder)


def make_no_finder():
    raise AssertionError("nothing should be looked for again")


def make_deadly_finder():
    """As a process that the system ends for want of memory."""
    if multiprocessing.parent_process() is not None:
        return lambda image: os.kill(os.getpid(), signal.SIGKILL)
    return make_finder()


def rejected(out, dataset="bp4d"):
    with (out / dataset / "1.0.0" / "rejected.csv").open(newline="") as stream:
        return {row["path"]: row["reason"] for row in csv.DictReader(stream)}


def counts(out, dataset="bp4d"):
    return json.loads((out / dataset / "1.0.0" / "counts.json").read_text())


def files(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def source(out, split, dataset="bp4d"):
    builder = tfds.builder_from_directory(str(out / dataset / "1.0.0"))
    return builder.as_data_source(split)


@pytest.fixture
def raw(tmp_path):
    return write_bp4d(tmp_path / "raw", tasks=("T1", "T2"), frames=range(40))


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def test_bp4d(raw, out, capsys):
    folder = raw / "F001" / "T1"
    (folder / "0003.jpg").write_bytes((folder / "0003.jpg").read_bytes()[:300])
    (folder / "0004.jpg").write_bytes(b"")
    (folder / "0005.jpg").unlink()
    write_picture(folder / "0041.jpg")
    prepare(raw, out)
    assert rejected(out) == {
        "F001/T1/0003.jpg": "truncated",
        "F001/T1/0004.jpg": "empty",
        "F001/T1/0005.jpg": "no_image",
        "F001/T1/0041.jpg": "no_label",
    }
    report = counts(out)
    assert (report["read"], report["kept"]) == (241, 237)
    assert report["rejected"] == {
        "empty": 1, "no_image": 1, "no_label": 1, "truncated": 1
    }  # fmt: skip
    sources = {split: source(out, split) for split in ("train", "val", "test")}
    assert sum(len(s) for s in sources.values()) == 237
    subjects = {
        name: {s[i]["subject"] for i in range(len(s))} for name, s in sources.items()
    }
    assert len(set.union(*subjects.values())) == 3
    assert all(len(some) == 1 for some in subjects.values())
    for name, split in report["splits"].items():
        examples = [sources[name][i] for i in range(len(sources[name]))]
        known = np.sum([e["aus_known"] for e in examples], axis=0)
        active = np.sum([e["aus"] for e in examples], axis=0)
        for i, au in enumerate((1, 2, 12)):
            assert split["aus"][str(au)] == {"known": known[i], "active": active[i]}
    assert "read 241, kept 237, rejected 4" in capsys.readouterr().out
    assert [file.name for file in (out / "bp4d").iterdir()] == ["1.0.0"]


def test_emotionet(tmp_path, out):
    raw = write_emotionet(tmp_path / "raw")
    (raw / "images" / "N_0000000001" / "N_0000000001_00010.jpg").unlink()
    prepare(raw, out, "emotionet")
    builder = tfds.builder_from_directory(str(out / "emotionet" / "1.0.0"))
    assert builder.info.metadata["aus"] == [1, 12]
    assert {k: s.num_examples for k, s in builder.info.splits.items()} == {
        "val": 4, "test": 4, "train": 3
    }  # fmt: skip
    assert rejected(out, "emotionet") == {
        "N_0000000001/N_0000000001_00010.jpg": "no_image"
    }


def test_only_unlabelled_pictures(tmp_path, out):
    raw = write_emotionet(tmp_path / "raw")
    for table in raw.glob("*.csv"):
        table.unlink()
    prepare(raw, out, "emotionet")
    assert source(out, "train", "emotionet")[0]["aus"].shape == (0,)


def test_the_number_of_processes_does_not_matter(raw, out, tmp_path):
    prepare(raw, out, processes=1)
    prepare(raw, tmp_path / "two", processes=2)
    assert files(out / "bp4d" / "1.0.0") == files(tmp_path / "two" / "bp4d" / "1.0.0")


def test_a_finished_set_is_left_alone(raw, out, capsys):
    prepare(raw, out)
    first, text = files(out / "bp4d" / "1.0.0"), capsys.readouterr().out
    prepare(raw, out, finder=make_no_finder)
    assert files(out / "bp4d" / "1.0.0") == first
    again = capsys.readouterr().out
    assert "up to date" in again
    assert again.splitlines()[1:] == text.splitlines()[1:]


def test_what_a_killed_run_left_is_cleared_away(raw, out):
    prepare(raw, out)
    left = out / "bp4d" / ".1.0.0.partial" / "old"
    left.mkdir(parents=True)
    (left / "counts.json").write_text("{}")
    prepare(raw, out, finder=make_no_finder)
    assert [file.name for file in (out / "bp4d").iterdir()] == ["1.0.0"]


def edit_label(raw):
    table = raw / "AUCoding" / "AU_OCC" / "F001_T1.csv"
    text = table.read_text()
    assert ",1,9\n" in text  # AU 12 and 13
    table.write_text(text.replace(",1,9\n", ",0,9\n", 1))


def add_picture(raw):
    write_bp4d(raw, subjects=["F009"])


def replace_picture(raw):
    write_picture(raw / "F001" / "T1" / "0001.jpg", 99)


def remove_picture(raw):
    (raw / "F001" / "T1" / "0001.jpg").unlink()


def change_nothing(raw):
    pass


@pytest.mark.parametrize(
    ("change", "seed"),
    [
        (edit_label, 0),
        (add_picture, 0),
        (replace_picture, 0),
        (remove_picture, 0),
        (change_nothing, 1),
    ],
)
def test_a_changed_set_is_prepared_again(raw, out, tmp_path, capsys, change, seed):
    prepare(raw, out)
    change(raw)
    prepare(raw, out, seed=seed)
    assert "preparing it again" in capsys.readouterr().out
    prepare(raw, tmp_path / "new", seed=seed)
    assert files(out / "bp4d" / "1.0.0") == files(tmp_path / "new" / "bp4d" / "1.0.0")
    assert [file.name for file in (out / "bp4d").iterdir()] == ["1.0.0"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, MemoryError])
def test_an_interrupted_run_goes_on(raw, out, tmp_path, stop):
    looks = []

    def stopping(after):
        def make():
            find = make_finder()

            def look(image):
                looks.append(1)
                if len(looks) > after:
                    raise stop
                return find(image)

            return look

        return make

    with pytest.raises(stop):
        prepare(raw, out, finder=stopping(200))
    assert [file.name for file in (out / "bp4d").iterdir()] == [".1.0.0.partial"]
    looks.clear()
    prepare(raw, out, finder=stopping(1000))
    assert len(looks) == 240 - 3 * 64  # three chunks were kept
    prepare(raw, tmp_path / "new")
    assert files(out / "bp4d" / "1.0.0") == files(tmp_path / "new" / "bp4d" / "1.0.0")
    assert [file.name for file in (out / "bp4d").iterdir()] == ["1.0.0"]


def test_a_process_that_dies(raw, out):
    with pytest.raises(UserError, match="process that finds faces died"):
        prepare(raw, out, processes=2, finder=make_deadly_finder)
    assert not (out / "bp4d" / "1.0.0").exists()


def test_no_usable_picture(raw, out):
    with pytest.raises(UserError, match=r"none of the 240 .*0000.jpg: no_face"):
        prepare(raw, out, finder=lambda: lambda image: None)
    assert not (out / "bp4d" / "1.0.0").exists()


def test_mistakes_in_the_settings(raw, out, tmp_path):
    with pytest.raises(UserError, match="did you mean emotionet"):
        prepare(raw, out, dataset="EmotionNet")
    with pytest.raises(UserError, match="There are: bp4d, emotionet"):
        prepare(raw, out, dataset="imagenet")
    with pytest.raises(UserError, match="nowhere is not a folder"):
        prepare(tmp_path / "nowhere", out)
    with pytest.raises(UserError, match="lies in --raw"):
        prepare(raw, raw / "out")
    with pytest.raises(UserError, match="at least one process"):
        prepare(raw, out, processes=0)
    out.write_text("a file")
    with pytest.raises(UserError, match="cannot write to"):
        prepare(raw, out)


def test_something_else_in_the_place_is_left_alone(raw, out):
    folder = out / "bp4d" / "1.0.0"
    folder.mkdir(parents=True)
    (folder / "features.json").write_text("{}")
    with pytest.raises(UserError, match="not written by this program"):
        prepare(raw, out)
    assert [file.name for file in folder.iterdir()] == ["features.json"]


def test_two_runs_at_once(raw, out):
    def make():
        with pytest.raises(UserError, match="another run"):
            prepare(raw, out)
        return make_finder()

    prepare(raw, out, finder=make)


def test_a_full_disk(raw, out, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device", "somewhere")

    monkeypatch.setattr("au_jax.faces.chunks.save", full)
    with pytest.raises(UserError, match="somewhere: No space left"):
        prepare(raw, out)


@pytest.fixture
def given_flags(raw, out):
    with flagsaver.flagsaver():
        flags = ["--dataset=bp4d", f"--raw={raw}", f"--data_dir={out}", "--seed=7"]
        FLAGS(["prepare", *flags])
        yield


def test_no_number_of_processes_is_one_for_each_core(given_flags, monkeypatch):
    calls = []
    monkeypatch.setattr(preparation, "run", lambda *settings: calls.append(settings))
    for workers in (0, 3):
        FLAGS.workers = workers
        assert program_module.main(["prepare"]) == 0
    assert [settings[3] for settings in calls] == [len(os.sched_getaffinity(0)), 3]
    assert all(settings[4] == 7 for settings in calls)


def test_ctrl_c_says_how_to_go_on(given_flags, monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(preparation, "run", interrupted)
    assert program_module.main(["prepare"]) == 130
    assert capsys.readouterr().err == (
        "interrupted; the same command goes on where it stopped\n"
    )


def program(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "au_jax.prepare", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--raw=.", "--data_dir=x"], "--dataset=... is missing"),
        (["--dataset=bp4", "--raw=.", "--data_dir=x"], "did you mean bp4d"),
        (["--datset=bp4d"], "Did you mean: dataset"),
        (["dataset=bp4d"], "'dataset=bp4d' is no flag"),
        (["--workers=two"], "two"),
    ],
)
def test_mistakes_on_the_command_line(arguments, message):
    run = program(*arguments)
    printed, errors = run.communicate()
    assert run.returncode == 2
    assert not printed
    assert errors.startswith("error: ")
    assert len(errors.splitlines()) == 1
    assert message in errors


@pytest.fixture
def photographs(tmp_path):
    """Five people of the shared set: 240 label rows, and one picture without."""
    subjects = ["F001", "F010", "F011", "F012", "M001"]
    for subject in subjects:
        shutil.copytree(SHARED / "studio" / subject, tmp_path / "raw" / subject)
        for table in (SHARED / "studio" / "AUCoding" / "AU_OCC").glob(f"{subject}_*"):
            target = tmp_path / "raw" / "AUCoding" / "AU_OCC"
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(table, target)
    return tmp_path / "raw"


@pytest.mark.slow
@needs_shared_data
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_killed_program_goes_on(photographs, tmp_path, how):
    pytest.importorskip("dlib")
    out = tmp_path / "out"
    flags = ["--dataset=bp4d", f"--raw={photographs}", "--workers=2"]
    run = program(*flags, f"--data_dir={out}", start_new_session=True)
    done = out / "bp4d" / ".1.0.0.partial" / "faces"
    while len(list(done.glob("*.npz"))) < 2:
        assert run.poll() is None
        time.sleep(0.02)
    # Ctrl-C reaches the whole group, kill -9 the program alone.
    (os.killpg if how == signal.SIGINT else os.kill)(run.pid, how)
    _, errors = run.communicate(timeout=60)  # waits for the workers' stderr as well
    assert "Traceback" not in errors, errors
    assert ("goes on where it stopped" in errors) == (how == signal.SIGINT)
    assert run.returncode == (130 if how == signal.SIGINT else -9)
    assert len(list(done.glob("*.npz"))) >= 2
    assert not (out / "bp4d" / "1.0.0").exists()

    run = program(*flags, f"--data_dir={out}")
    printed, errors = run.communicate(timeout=120)
    assert run.returncode == 0, errors
    assert "read 241, kept 238" in printed
    fresh = program(*flags[:2], "--workers=1", f"--data_dir={tmp_path / 'new'}")
    fresh.communicate(timeout=120)
    assert files(out / "bp4d" / "1.0.0") == files(tmp_path / "new" / "bp4d" / "1.0.0")
    assert rejected(out) == {
        "F010/T3/1546.jpg": "truncated",
        "F011/T2/1009.jpg": "no_image",
        "F012/T1/0001.jpg": "no_label",
    }
