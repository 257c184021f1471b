"""Expected: a folder without a validated checkpoint is named, and left as it was."""

import pytest

from au_jax.errors import UserError
from au_jax.evaluation.inference import load_best
from configs import supervised as supervised_config


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
