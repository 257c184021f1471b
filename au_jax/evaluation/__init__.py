"""Evaluation: a model on a whole split, its scores, its tables."""
