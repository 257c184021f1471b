"""Expected: the files that a run without Beam writes, byte for byte."""

from pathlib import Path

import pytest

pytest.importorskip("apache_beam", reason="Apache Beam (the extra beam) is absent")

from au_jax.errors import UserError
from au_jax.preparation import beam as on_beam
from au_jax.preparation import run
from au_jax.preparation.run import PrepareOptions
from tests.raw_trees import make_finder, write_bp4d

# TFDS calls functions that Beam's version of protobuf has deprecated.
pytestmark = pytest.mark.filterwarnings(
    r"ignore:label\(\) is deprecated:DeprecationWarning"
)


def prepare(raw, out, beam=None):
    run.prepare(PrepareOptions("bp4d", raw, out, beam=beam), make_finder)
    return {file.name: file.read_bytes() for file in (out / "bp4d/1.0.0").iterdir()}


@pytest.fixture
def raw(tmp_path):
    raw = write_bp4d(tmp_path / "raw", tasks=("T1", "T2"), frames=range(40))
    (raw / "F001" / "T1" / "0003.jpg").write_bytes(b"")
    return raw


@pytest.mark.parametrize(
    "options",
    [
        "",
        "--direct_running_mode=in_memory",
        "--direct_running_mode=multi_processing --direct_num_workers=2",
    ],
)
def test_the_same_data_set(raw, tmp_path, options):
    expected = prepare(raw, tmp_path / "local")
    actual = prepare(raw, tmp_path / "beam", options)
    assert actual.pop("report.html")
    assert expected.pop("report.html")
    assert actual == expected


def test_the_local_run_finds_beams_results(raw, tmp_path, monkeypatch):
    """If the local run redid Beam's work, the test above would pass anyway."""
    done = []
    find_faces = on_beam.find_faces

    def watched(raw, folder, *rest):
        find_faces(raw, folder, *rest)
        done.extend(file.name for file in folder.glob("*.npz"))

    monkeypatch.setattr(on_beam, "find_faces", watched)
    prepare(raw, tmp_path / "beam", "")
    assert len(done) == 4  # 240 pictures, 64 in each


def test_missing_results_are_named(raw, tmp_path, monkeypatch):
    monkeypatch.setattr(on_beam.chunks, "save", lambda *_: None)
    with pytest.raises(UserError, match="Beam returned 0 of 240 examples"):
        prepare(raw, tmp_path / "beam", "")
    assert not (tmp_path / "beam" / "bp4d" / "1.0.0").exists()


def test_a_chunk_that_lost_examples_is_named(raw, tmp_path, monkeypatch):
    stored = on_beam.chunks.stored
    monkeypatch.setattr(on_beam.chunks, "stored", lambda file: max(stored(file) - 1, 0))
    with pytest.raises(UserError, match="Beam returned 236 of 240 examples"):
        prepare(raw, tmp_path / "beam", "")


def test_the_mode_that_loses_examples_is_refused():
    with pytest.raises(UserError, match="multi_threading loses examples"):
        on_beam.pipeline_options(["--direct_running_mode=multi_threading"])


def test_an_unknown_runner_is_one_line():
    with pytest.raises(UserError, match="--beam: Unexpected pipeline runner: Nobody"):
        on_beam.pipeline_options(["--runner=Nobody"])


def test_workers_may_run_in_another_folder():
    task = on_beam._FindFaces(Path("raw"), Path("out"), Path("out/plan"), make_finder)
    assert all(path.is_absolute() for path in (task.raw, task.folder, task.plan))
