"""Why projectors stand on one side only (method.md section 4), on toy features."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from au_jax.models.projector import Projector
from au_jax.stages import losses

CHANNELS = 8


def features():
    """Features, and a reconstruction of them in another basis, with an error."""
    rng = np.random.default_rng(0)
    wanted = rng.normal(size=(4, 6, 6, CHANNELS)).astype(np.float32)
    basis = np.eye(CHANNELS) + 0.2 * rng.normal(size=(CHANNELS, CHANNELS))
    found = wanted @ basis + 0.3 * rng.normal(size=wanted.shape)
    return found.astype(np.float32), wanted


def train(loss, params, steps=1500):
    """Minimises `loss` by Adam; its last value and the parameters."""
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


def test_projector_changes_nothing_at_first():
    found, _ = features()
    out, _ = Projector().init_with_output(jax.random.key(0), found)
    np.testing.assert_array_equal(out, found)


def test_learned_projectors_on_both_sides_collapse_and_ours_does_not():
    found, wanted = features()
    fresh = Projector().init(jax.random.key(0), found)

    def both(params):
        pair = (
            Projector().apply(p, x)
            for p, x in zip(params, (found, wanted), strict=True)
        )
        return losses.l1(*pair)

    def ours(params):
        return losses.l1(Projector().apply(params, found), wanted)

    def scale(params):
        """Mean size of projected features, 1 before training."""
        return float(jnp.abs(Projector().apply(params, wanted)).mean()) / float(
            jnp.abs(wanted).mean()
        )

    at_first = both((fresh, fresh))
    collapsed, (_, target_side) = train(both, (fresh, fresh))
    assert collapsed < 0.15 * at_first
    assert scale(target_side) < 0.15
    kept, params = train(ours, fresh)
    # The error of the reconstruction stays and goes on driving the generators.
    assert 0.3 * at_first < kept < at_first
    assert scale(params) > 0.5
