"""Several images of a batch row as one batch, for networks that see one image."""

from jaxtyping import Float

from au_jax.types import Array


def fold(x: Float[Array, "d b *rest"]) -> Float[Array, "db *rest"]:
    """Merge the leading axis, of domains or frames, into the batch.

    The batch stays the major axis, so that a batch that is sharded over devices folds
    without communication.
    """
    return x.swapaxes(0, 1).reshape(-1, *x.shape[2:])


def unfold(x: Float[Array, "db *rest"], count: int = 2) -> Float[Array, "d b *rest"]:
    """Split a folded batch into the `count` parts of the leading axis: undo `fold`."""
    return x.reshape(-1, count, *x.shape[1:]).swapaxes(0, 1)
