"""Model files are read back bit for bit; every other file is a one-line error."""

import dataclasses
import json
import math
import os
import pickle
import zipfile

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from au_jax.errors import UserError
from au_jax.model_file import file
from au_jax.workdir.thresholds import NEVER
from tests.mistakes import attempt
from tests.prediction.models import small_model


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "model.aujax"
    file.save(path, small_model())
    return path


@pytest.fixture(scope="module")
def model_bytes(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.aujax"
    file.save(path, small_model())
    return path.read_bytes()


def test_a_saved_model_is_read_back(path):
    loaded, model = file.load(path), small_model()
    assert loaded.card == model.card
    jax.tree.map(np.testing.assert_array_equal, loaded.variables, model.variables)
    assert "discriminator" not in loaded.variables.params


def test_equal_models_give_equal_files(path, tmp_path):
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
    ("change", "message"),
    [
        (_set("format", 99), "its format is 99"),
        (_set("stage", "os.system"), "unknown stage"),
        (_set("networks", 3), "does not describe the networks"),
        (_set("networks", "model", "width", 1e9), "width"),
        (_set("networks", "model", "width", 0.25), "arrays do not match"),
        (_set("networks", "data", "crop", 100), "crop 100"),
        (_set("networks", "data", "aus", [1, 1]), "list of distinct numbers"),
        (
            _set("networks", "data", "aus", list(range(1, 50))),
            "one threshold",
        ),
        (_set("thresholds", [0.5, "x"]), "one threshold"),
        (_set("alignment", {"size": 10**9, "enlarge": 1}), "alignment"),
        (_set("sha256", "0" * 64), "SHA-256"),
        (_set("networks", "model", "width", 10**400), "width"),
        (_set("thresholds", [10**400] * 6), "one threshold"),
        (_set("thresholds", [1.00000001] * 6), "one threshold"),
        (_set("networks", "model", "resting_patches", 1), "resting patches 1"),
        (_set("training", None), "no entry `training`"),
        (_set("training", {"step": "\x1b[2J"}), "control characters"),
        (_set("training", {"step": math.nan}), "holds NaN"),
        (_set("versions", 1), "versions are no object"),
        (_set("networks", "model", "projector", []), "projector"),
        (lambda card: card["networks"]["model"].pop("projector"), "no projector"),
        (_set("arrays", {}), "arrays do not match"),
    ],
)
def test_a_forged_card_is_refused(path, change, message):
    _rewrite(path, change)
    with pytest.raises(UserError, match=message) as error:
        file.load(path)
    assert "\n" not in str(error.value)


def test_a_threshold_that_no_answer_reaches_is_kept(path):
    number = len(file.load(path).card["thresholds"])
    _rewrite(path, _set("thresholds", [NEVER] * number))
    assert file.load(path).card["thresholds"] == [NEVER] * number


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda blob: blob[:-4], "bytes, not"),
        (lambda blob: b"\xff" * 4 + blob[4:], "SHA-256"),
    ],
)
def test_changed_arrays_are_refused(path, change, message):
    _rewrite(path, change_arrays=change)
    with pytest.raises(UserError, match=message):
        file.load(path)


def test_a_truncated_file_is_refused(path):
    whole = path.read_bytes()
    for length in (0, 10, 1000, len(whole) // 2, len(whole) - 30):
        path.write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"damaged or not a model.*copy it again"):
            file.load(path)


def test_a_flipped_bit_is_detected(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    with pytest.raises(UserError, match="damaged"):
        file.load(path)


def test_files_that_are_not_models_are_refused(tmp_path):
    path = tmp_path / "m.aujax"
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(UserError, match="damaged or not a model"):
        file.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../evil", "x")
    with pytest.raises(UserError, match="contains other files"):
        file.load(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:  # a zip bomb
        archive.writestr("card.json", b" " * (50 << 20))
        archive.writestr("arrays.bin", "")
    with pytest.raises(UserError, match="it is compressed"):
        file.load(path)
    path.write_bytes(
        path.read_bytes().replace((50 << 20).to_bytes(4, "little"), b"2000")
    )
    # The size that the archive claims is not trusted.
    with pytest.raises(UserError, match="it is compressed"):
        file.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("card.json", b" " * (2 << 20))
        archive.writestr("arrays.bin", "")
    with pytest.raises(UserError, match="card is too large"):
        file.load(path)
    with pytest.raises(UserError, match=r"no model file.*au_jax\.export"):
        file.load(tmp_path / "absent.aujax")


@pytest.mark.parametrize("value", [1e30, -1e30])
def test_finite_but_huge_weights_are_refused(path, value):
    model = small_model()
    huge = jax.tree.map(lambda x: np.full_like(x, value), model.variables)
    file.save(path, dataclasses.replace(model, variables=huge))
    with pytest.raises(UserError, match="values that no trained network has"):
        file.load(path)


@pytest.mark.timeout(20)
def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError):
        file.load(tmp_path / "pipe")


def test_an_unreadable_file_is_not_called_damaged(path, monkeypatch):
    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(file, "open_regular", refuse)
    with pytest.raises(UserError, match=r"cannot read .*: Permission denied"):
        file.load(path)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=4), x),
    max_leaves=4,
)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), value=VALUES)
def test_a_card_with_any_value_loads_or_is_one_line(
    model_bytes, tmp_path_factory, data, value
):
    path = tmp_path_factory.mktemp("forged") / "m.aujax"
    path.write_bytes(model_bytes)

    def change(card):
        place = card
        while True:
            key = data.draw(st.sampled_from(sorted(place)))
            if (
                not isinstance(place[key], dict)
                or not place[key]
                or data.draw(st.booleans())
            ):
                place[key] = value
                return
            place = place[key]

    _rewrite(path, change)
    model, message = attempt(file.load, path)
    assert message or np.isfinite(model.card["thresholds"]).all()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 0.999), st.binary(max_size=3)), max_size=4))
def test_any_damage_to_a_model_file_is_one_line(model_bytes, tmp_path_factory, changes):
    path = tmp_path_factory.mktemp("damaged") / "m.aujax"
    damaged = model_bytes
    for place, new in changes:
        at = int(place * len(damaged))
        damaged = damaged[:at] + new + damaged[at + 1 :]
    path.write_bytes(damaged)
    model, message = attempt(file.load, path)
    if not message:  # a byte that only dates the archive's members
        expected = small_model().variables
        jax.tree.map(np.testing.assert_array_equal, model.variables, expected)
