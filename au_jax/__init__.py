"""Facial action units in the wild: joint training across domains, in JAX."""

__version__ = "0.1.0"
