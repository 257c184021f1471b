"""Stored answers. Expected: what was written."""

import numpy as np
import pytest

from au_jax.errors import UserError
from au_jax.workdir import validations
from au_jax.workdir.validations import Answers


def answers(seed: int) -> Answers:
    rng = np.random.default_rng(seed)
    p = rng.random((7, 2)).astype(np.float32)
    known = rng.random((7, 2)) < 0.5
    aus = (rng.random((7, 2)) < 0.5).astype(np.float32) * known
    return Answers({"direct": p, "reconstructed": p / 2}, aus, known)


def test_answers_come_back(tmp_path):
    stored = {"source": answers(0), "target": answers(1)}
    validations.write(tmp_path, "joint", 20, stored)
    validations.write(tmp_path, "joint", 100, stored)
    found = validations.read(tmp_path, "joint", 20)
    assert found.keys() == stored.keys()
    for domain, expected in stored.items():
        for path, p in expected.probabilities.items():
            np.testing.assert_array_equal(found[domain].probabilities[path], p)
        np.testing.assert_array_equal(found[domain].aus, expected.aus)
        np.testing.assert_array_equal(found[domain].known, expected.known)
    assert validations.steps(tmp_path, "joint") == [20, 100]
    assert validations.steps(tmp_path, "dann") == []


def test_absent_and_damaged_files_are_one_line(tmp_path):
    with pytest.raises(UserError, match="older version"):
        validations.read(tmp_path, "joint", 20)
    validations.write(tmp_path, "joint", 20, {"source": answers(0)})
    file = tmp_path / "validations" / "joint" / "20.npz"
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(UserError, match="damaged"):
        validations.read(tmp_path, "joint", 20)
