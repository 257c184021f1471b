"""The model that comes with the package. Expected: what docs/model.md says of it."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from au_jax import Detector
from au_jax.media.images import read_image
from au_jax.model_file import file as model_file
from au_jax.model_file import page
from tests.programs import ROOT
from tests.rendered import photo, write_photographs
from tests.shared_data import SHARED, needs_shared_data

LARGEST = 8 << 20  # bytes
HELD_OUT = ("F001", "F008", "F010", "F011", "F012", "F028", "M005", "M016", "M017")


@pytest.fixture(scope="module")
def detector():
    return Detector()


def test_it_is_small_and_its_page_is_that_of_its_card(detector):
    assert model_file.SHIPPED.stat().st_size <= LARGEST
    written = (ROOT / "docs" / "model.md").read_text()
    note = (ROOT / "launch" / "release_note.md").read_text()
    assert written == page.to_markdown(detector.model.card, note)


def test_it_finds_the_face_of_a_picture(detector):
    ((face,),) = detector([photo(0).image])
    assert face.aus == tuple(detector.model.aus)
    assert np.isfinite(face.probabilities).all()
    assert np.isfinite(face.intensities).all()
    assert ((face.intensities >= 0) & (face.intensities <= 5)).all()


def test_predict_takes_it_by_itself(tmp_path):
    (picture,) = write_photographs(tmp_path, 1)
    command = [sys.executable, "-m", "au_jax.predict", str(picture)]
    run = subprocess.run(
        [*command, f"--out={tmp_path / 'out'}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "out" / "aus.csv").read_text().count(",ok,") == 1


@needs_shared_data
def test_it_tells_smiles_on_photographs_as_taken(detector):
    """They show people of studio's test split, who had no part in the training."""
    au, answers, smiles = detector.model.aus.index(12), [], []
    for person in HELD_OUT:
        for name, smiling in (("neutral", False), ("smiling", True)):
            file = SHARED / "real_pairs" / f"{person}_{name}.jpg"
            ((face, *_),) = detector([read_image(file)])
            answers.append(face.probabilities[au])
            smiles.append(smiling)
    assert roc_auc_score(smiles, answers) > 0.9
