"""Expected: a direct search over all pixels and triangles."""

import numpy as np

from au_jax.rendering import raster

HEIGHT, WIDTH = 9, 12


def _slowly(points, depth, triangles):
    """Return the nearest front-facing triangle at each pixel, and its weights."""
    actual = {}
    for y in range(HEIGHT):
        for x in range(WIDTH):
            for t, corners in enumerate(triangles):
                a, b, c = points[corners].astype(float)
                matrix = np.array([a, b, c]).T
                matrix = np.vstack([matrix, np.ones(3)])
                area = np.linalg.det(matrix)
                if area >= -1e-9:
                    continue
                weights = np.linalg.solve(matrix, [x, y, 1])
                if (weights < 0).any():
                    continue
                z = weights @ depth[corners]
                if (x, y) not in actual or z < actual[x, y][0]:
                    actual[x, y] = (z, t, weights)
    return actual


def test_every_pixel_shows_the_nearest_triangle():
    rng = np.random.default_rng(0)
    points = rng.uniform(-3, 14, (30, 2)).astype(np.float32)
    depth = rng.uniform(1, 5, 30).astype(np.float32)
    triangles = np.array(
        [rng.choice(30, 3, replace=False) for _ in range(25)], np.int32
    )
    hits = raster.rasterize(points, depth, triangles, HEIGHT, WIDTH)
    expected = _slowly(points, depth, triangles)
    assert 20 < len(expected) <= HEIGHT * WIDTH
    actual = {
        (int(p) % WIDTH, int(p) // WIDTH): i for i, p in enumerate(hits.pixels.tolist())
    }
    assert actual.keys() == expected.keys()
    for place, (z, triangle, weights) in expected.items():
        index = actual[place]
        assert hits.triangles[index] == triangle
        np.testing.assert_allclose(hits.weights[index], weights, atol=1e-4)
        np.testing.assert_allclose(hits.depth[index], z, atol=1e-4)


def test_values_at_the_pixels_are_linear_in_the_picture():
    points = np.array([(0, 0), (0, 8), (11, 0)], np.float32)
    triangles = np.array([(0, 1, 2)], np.int32)
    hits = raster.rasterize(points, np.ones(3, np.float32), triangles, HEIGHT, WIDTH)
    assert len(hits.pixels) > 40
    seen = raster.interpolate(hits, triangles, points)
    place = np.stack([hits.pixels % WIDTH, hits.pixels // WIDTH], axis=1)
    np.testing.assert_allclose(seen, place, atol=1e-4)


def test_a_mesh_outside_the_picture_hits_nothing():
    points = np.array([(-9, -9), (-9, -2), (-2, -9)], np.float32)
    triangles = np.array([(0, 1, 2)], np.int32)
    hits = raster.rasterize(points, np.ones(3, np.float32), triangles, HEIGHT, WIDTH)
    assert len(hits.pixels) == 0
