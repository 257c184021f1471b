"""Readers of data sets as their owners send them: one file each, yielding rows."""
