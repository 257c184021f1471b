"""Why only one side has a projector (method.md section 4), on toy features."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from au_jax.models.projector import Projector
from au_jax.stages import losses

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


def project(params, features) -> jax.Array:
    return jnp.asarray(Projector().apply(params, features))


def test_projector_changes_nothing_at_first():
    actual, _ = features()
    out, _ = Projector().init_with_output(jax.random.key(0), actual)
    np.testing.assert_array_equal(out, actual)


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
