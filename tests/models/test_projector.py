"""The projectors (method.md section 4), on toy features."""

import cv2
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from au_jax.models.projector import OrthonormalProjector, PixelProjector, Projector
from au_jax.stages import losses
from au_jax.stages.forward import enlarge

CHANNELS = 8


def features():
    """Return features, and a reconstruction in another basis, with an error."""
    rng = np.random.default_rng(0)
    expected = rng.normal(size=(4, 6, 6, CHANNELS)).astype(np.float32)
    basis = np.eye(CHANNELS) + 0.2 * rng.normal(size=(CHANNELS, CHANNELS))
    actual = expected @ basis + 0.3 * rng.normal(size=expected.shape)
    return actual.astype(np.float32), expected


def train(loss, params, steps=1500):
    """Minimise `loss` by Adam; return its last value and the parameters."""
    optimizer = optax.adam(5e-3)
    state = optimizer.init(params)

    @jax.jit
    def step(params, state):
        value, gradient = jax.value_and_grad(loss)(params)
        updates, state = optimizer.update(gradient, state)
        return optax.apply_updates(params, updates), state, value

    value = jnp.inf
    for _ in range(steps):
        params, state, value = step(params, state)
    return float(value), params


OURS = Projector()


def project(params, features, module: nn.Module = OURS) -> jax.Array:
    return jnp.asarray(module.apply(params, features))


@pytest.mark.parametrize("projector", [Projector(), OrthonormalProjector()])
def test_projector_changes_nothing_at_first(projector):
    actual, _ = features()
    out, _ = projector.init_with_output(jax.random.key(0), actual)
    np.testing.assert_allclose(out, actual, atol=1e-6)


def test_pixel_projector_magnifies_bilinearly_at_first():
    actual, _ = features()
    out, _ = PixelProjector().init_with_output(jax.random.key(0), actual)
    size = (4 * actual.shape[2], 4 * actual.shape[1])
    expected = [cv2.resize(x, size, interpolation=cv2.INTER_LINEAR) for x in actual]
    np.testing.assert_allclose(out, expected, atol=1e-5)
    enlarged = enlarge(jnp.asarray(actual), 4)  # the other side of the pair
    np.testing.assert_allclose(out, enlarged, atol=1e-5)


def test_pixel_projector_learns_every_pixel_of_a_cell():
    actual, _ = features()
    variables = PixelProjector().init(jax.random.key(0), actual)
    weights = np.random.default_rng(0).random((1, 24, 24, 8))

    def loss(variables):
        out = jnp.asarray(PixelProjector().apply(variables, actual))
        return (out * weights).sum()

    (gradient,) = jax.tree.leaves(jax.grad(loss)(variables))
    assert gradient.shape == (2, 2, 8, 16 * 8)
    assert np.all(gradient != 0)


@pytest.mark.parametrize("scale", [0.1, 1.0, 100.0])
def test_columns_of_the_shared_projector_are_orthonormal_whatever_it_learns(scale):
    actual, expected = features()
    kernel = scale * np.random.default_rng(1).normal(size=(CHANNELS, CHANNELS))
    params = {"params": {"kernel": kernel.astype(np.float32)}}
    eye = np.tile(np.eye(CHANNELS, dtype=np.float32)[:, None, None], (1, 2, 2, 1))
    columns = np.asarray(OrthonormalProjector().apply(params, eye))[:, 0, 0]
    np.testing.assert_allclose(columns.T @ columns, np.eye(CHANNELS), atol=1e-4)
    projected = [
        np.asarray(OrthonormalProjector().apply(params, x)) for x in (actual, expected)
    ]
    np.testing.assert_allclose(
        np.linalg.norm(projected[0] - projected[1], axis=-1),
        np.linalg.norm(actual - expected, axis=-1),
        rtol=1e-3,
    )


def test_learned_projectors_on_both_sides_collapse_and_ours_does_not():
    actual, expected = features()
    fresh = Projector().init(jax.random.key(0), actual)

    def both(params):
        pair = zip(params, (actual, expected), strict=True)
        return losses.l1(*(project(p, x) for p, x in pair))

    def ours(params):
        return losses.l1(project(params, actual), expected)

    def scale(params):
        """Return the mean size of projected features, 1 before training."""
        return float(
            jnp.abs(project(params, expected)).mean() / jnp.abs(expected).mean()
        )

    at_first = both((fresh, fresh))
    collapsed, (_, target_side) = train(both, (fresh, fresh))
    assert collapsed < 0.15 * at_first
    assert scale(target_side) < 0.15
    kept, params = train(ours, fresh)
    # The reconstruction's error remains and still drives the generators.
    assert 0.3 * at_first < kept < at_first
    assert scale(params) > 0.5


def test_one_orthonormal_projector_on_both_sides_does_not_collapse():
    actual, expected = features()
    module = OrthonormalProjector()
    fresh = module.init(jax.random.key(0), actual)

    def shared(params):
        return losses.l1(*(project(params, x, module) for x in (actual, expected)))

    at_first = float(shared(fresh))
    kept, params = train(shared, fresh)
    assert 0.3 * at_first < kept < at_first
    norms = [
        float(jnp.linalg.norm(x)) for x in (project(params, expected, module), expected)
    ]
    np.testing.assert_allclose(norms[0], norms[1], rtol=1e-4)
