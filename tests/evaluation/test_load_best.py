"""Expected: a folder without a validated checkpoint is named, and left as it was."""

import pytest

from au_jax.errors import UserError
from au_jax.evaluation.inference import load_best, make_predictor
from au_jax.runtime import devices
from configs import supervised as supervised_config


def test_batches_are_a_multiple_of_the_devices():
    """A run of one device, whose batches of 5 two devices do not divide."""
    config = supervised_config.get_config("tiny")
    config.eval.batch_size = 5
    mesh = devices.make_mesh()
    assert mesh.size == 2
    assert make_predictor("supervised", config, mesh).batch_size == 6


@pytest.mark.parametrize("folder", ["absent", "empty", "other"])
def test_a_wrong_folder_is_one_line_and_stays_as_it_was(tmp_path, folder):
    (tmp_path / "empty" / "supervised").mkdir(parents=True)
    (tmp_path / "other" / "supervised").mkdir(parents=True)
    (tmp_path / "other" / "supervised" / "notes.txt").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    config = supervised_config.get_config("tiny")
    with pytest.raises(UserError, match=f"{folder}/supervised holds no validated"):
        load_best(tmp_path / folder, config, "supervised", "target")
    assert sorted(tmp_path.rglob("*")) == before
