"""Checks of a prepared data set: its content, and whether one can train on it."""
