"""The brows' landmarks. Expected: the line along which the brows are painted."""

import numpy as np

from au_jax.rendering import brows, head, skin


def test_they_lie_on_the_painted_line():
    mesh = head.load()
    x, y, z = mesh.vertices.T
    atlas = np.stack([np.arctan2(x, z - skin.AXIS), y], axis=1)
    brow = (0.9, 0.06, 0.07)
    found = brows.landmarks(brow, atlas)
    line = [skin.brow_line(brow, along, brows.ABOVE) for along in brows.ALONG]
    right = np.array(line)  # of the picture
    np.testing.assert_allclose(found[5:], right, atol=1e-5)
    np.testing.assert_allclose(found[4::-1], right * (-1, 1), atol=1e-5)


def test_they_move_with_the_face():
    mesh = head.load()
    raised = head.deform(mesh.vertices, mesh.units, {"browInnerUp": 1.0})
    before, after = (
        brows.landmarks((1.0, 0.06, 0.05), v) for v in (mesh.vertices, raised)
    )
    assert (after[[4, 5], 1] > before[[4, 5], 1]).all()
    thin, thick = (
        brows.landmarks((1.0, width, 0.05), mesh.vertices) for width in (0.05, 0.09)
    )
    assert (thick[:, 1] > thin[:, 1]).all()
