"""A detector for the tests of this folder."""

import pytest

from au_jax import Detector
from tests.prediction.models import small_model


@pytest.fixture(scope="module")
def detector():
    pytest.importorskip("dlib", reason="dlib is not installed: the extra `faces`")
    return Detector(small_model())
