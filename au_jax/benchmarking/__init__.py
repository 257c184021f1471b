"""How fast the program is here: what `python -m au_jax.benchmark` measures."""
