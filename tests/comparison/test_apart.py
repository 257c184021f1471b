"""Tests on images that teach or choose. Expected: which splits share images."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from au_jax.comparison import plan
from au_jax.comparison.apart import check_apart
from au_jax.errors import UserError
from configs import compare
from tests.synthetic import write_prepared


@pytest.mark.parametrize(
    ("methods", "split", "message"),
    [
        ("landmarks_alone", "test", ""),
        ("landmarks_alone", "val", "shares images of the source with 'val'"),
        ("landmarks_alone", "val[50%:]+test", "shares images"),
        ("source_only", "train", "shares images of the source with 'train'"),
    ],
)
def test_a_comparison_tests_on_images_of_their_own(tmp_path, methods, split, message):
    for name in ("bp4d", "emotionet"):
        write_prepared(tmp_path, name, labelled_train=name == "bp4d")
    config = compare.get_config("tiny")
    config.run.data.data_dir, config.run.data.aus = str(tmp_path), (1, 12)
    config.methods, config.split = (methods,), split
    runs = plan.runs(config, Path("runs"))
    refused = pytest.raises(UserError, match=message) if message else nullcontext()
    with refused:
        check_apart(config, runs)
