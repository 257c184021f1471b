"""The work directory of a run: every file stored there, written and read back."""
