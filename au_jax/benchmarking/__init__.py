"""The measurements of `python -m au_jax.benchmark`."""
