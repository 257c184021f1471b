"""Expected: what was saved comes back bit for bit; anything else is one line."""

import json
import pickle
import zipfile

import jax
import numpy as np
import pytest

from au_jax.errors import UserError
from au_jax.model_file import file
from tests.prediction.models import small_model


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "model.aujax"
    file.save(path, small_model())
    return path


def test_a_model_comes_back(path):
    loaded, model = file.load(path), small_model()
    assert loaded.card == model.card
    for ours, theirs in (
        (loaded.params, model.params),
        (loaded.batch_stats, model.batch_stats),
    ):
        jax.tree.map(np.testing.assert_array_equal, ours, theirs)
    assert "discriminator" not in loaded.params


def test_the_same_model_makes_the_same_file(path, tmp_path):
    again = tmp_path / "again.aujax"
    file.save(again, file.load(path))
    assert again.read_bytes() == path.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again.aujax", "model.aujax"]


def _rewrite(path, change_card=lambda card: None, change_arrays=lambda blob: blob):
    with zipfile.ZipFile(path) as archive:
        card, blob = json.loads(archive.read("card.json")), archive.read("arrays.bin")
    change_card(card)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("card.json", json.dumps(card))
        archive.writestr("arrays.bin", change_arrays(blob))


def _set(*keys_and_value):
    *keys, last, value = keys_and_value

    def change(card):
        for key in keys:
            card = card[key]
        card[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_set("format", 99), "its format is 99"),
        (_set("stage", "os.system"), "unknown stage"),
        (_set("networks", 3), "describes no networks"),
        (_set("networks", "model", "width", 1e9), "width"),
        (_set("networks", "model", "width", 0.25), "arrays are not those"),
        (_set("networks", "data", "crop", 100), "crop 100"),
        (_set("networks", "data", "aus", [1, 1]), "list of different numbers"),
        (_set("networks", "data", "aus", list(range(1, 50))), "one threshold"),
        (_set("thresholds", [0.5, "x"]), "one threshold"),
        (_set("alignment", {"size": 10**9, "enlarge": 1}), "alignment"),
        (_set("sha256", "0" * 64), "SHA-256"),
        (_set("arrays", {}), "arrays are not those"),
    ],
)
def test_a_card_that_nobody_wrote(path, change, said):
    _rewrite(path, change)
    with pytest.raises(UserError, match=said) as error:
        file.load(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda blob: blob[:-4], "bytes, not"),
        (lambda blob: b"\xff" * 4 + blob[4:], "SHA-256"),
    ],
)
def test_other_arrays(path, change, said):
    _rewrite(path, change_arrays=change)
    with pytest.raises(UserError, match=said):
        file.load(path)


def test_cut_files(path):
    whole = path.read_bytes()
    for length in (0, 10, 1000, len(whole) // 2, len(whole) - 30):
        path.write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"damaged or no model.*copy it again"):
            file.load(path)


def test_one_flipped_bit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    with pytest.raises(UserError, match="damaged"):
        file.load(path)


def test_other_files(tmp_path):
    path = tmp_path / "m.aujax"
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(UserError, match="damaged or no model"):
        file.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../evil", "x")
    with pytest.raises(UserError, match="holds other files"):
        file.load(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:  # a zip bomb
        archive.writestr("card.json", b" " * (50 << 20))
        archive.writestr("arrays.bin", "")
    with pytest.raises(UserError, match="card is too large"):
        file.load(path)
    with pytest.raises(UserError, match=r"no model file.*au_jax\.export"):
        file.load(tmp_path / "absent.aujax")
