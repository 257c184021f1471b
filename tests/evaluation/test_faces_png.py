"""faces.png. Expected: it reads as many faces as it draws."""

from pathlib import Path

import cv2
import jax
import numpy as np
import pytest

from au_jax.data.split import FaceSplit
from au_jax.evaluation import faces_png
from au_jax.evaluation.inference import LoadedModel, make_predictor
from au_jax.runtime import devices
from au_jax.types import DOMAINS
from au_jax.workdir.initial_networks import fresh_networks
from configs import supervised as supervised_config
from tests.synthetic import write_prepared


@pytest.fixture
def config(tmp_path):
    for name in ("bp4d", "emotionet"):
        write_prepared(tmp_path / "prepared", name, {"test": 40})
    config = supervised_config.get_config("tiny")
    config.data.data_dir = str(tmp_path / "prepared")
    return config


@pytest.fixture
def untrained(config, monkeypatch):
    """Let `write` find an untrained model in place of a checkpoint."""
    mesh = devices.make_mesh()
    networks = fresh_networks("supervised", config)
    model = LoadedModel(
        "supervised",
        0,
        jax.device_put(networks, devices.replicated(mesh)),
        make_predictor("supervised", config, mesh),
    )
    monkeypatch.setattr(faces_png, "load_best", lambda *_: model)


@pytest.mark.usefixtures("untrained")
def test_only_the_drawn_faces_are_read(config, tmp_path, monkeypatch):
    read: list[tuple[Path, int]] = []
    load = FaceSplit.__getitem__

    def recorded(self, index):
        read.append((self.parts, index))
        return load(self, index)

    monkeypatch.setattr(FaceSplit, "__getitem__", recorded)
    stages = {domain: "supervised" for domain in DOMAINS}
    file = tmp_path / "faces.png"
    faces_png.write(config, tmp_path, "test", stages, file, "show")
    picture = cv2.imread(str(file))
    assert picture is not None
    assert len(read) == len(set(read)) == 2 * faces_png.COLUMNS
    assert picture.shape[1] >= faces_png.COLUMNS * faces_png.SIDE
    # Spread over the split, not its first faces.
    assert np.ptp([index for _, index in read]) > 20
