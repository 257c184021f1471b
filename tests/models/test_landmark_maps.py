"""Maps of true landmarks. Expected: the cells of training, in NumPy."""

import jax
import numpy as np
import pytest

from au_jax.data import transforms
from au_jax.models.landmark_maps import landmark_cells, one_hot_maps


@pytest.mark.parametrize("crop", [128, 176])
def test_cells_are_those_of_a_centre_crop(crop):
    rng = np.random.default_rng(0)
    example = {
        "image": np.zeros((200, 200, 3), np.uint8),
        "landmarks": rng.uniform(-10, 210, (49, 2)).astype(np.float32),
        "aus": np.zeros(2, np.float32),
        "aus_known": np.ones(2, bool),
        "person": np.int32(0),
    }
    centre = transforms.centre(example, crop)
    actual = jax.jit(lambda x: landmark_cells(x, crop // 4))(centre["landmarks"][None])
    np.testing.assert_array_equal(actual[0], centre["cells"])


def test_maps_are_1_in_the_cell_and_0_elsewhere():
    cells = np.random.default_rng(0).integers(0, 64, (2, 3, 49)).astype(np.int32)
    maps = np.asarray(one_hot_maps(cells, 8))
    assert maps.shape == (2, 3, 8, 8, 49)
    assert maps.sum() == cells.size
    for at in np.ndindex(cells.shape):
        y, x = divmod(int(cells[at]), 8)
        assert maps[(*at[:2], y, x, at[2])] == 1
