"""The folder of a run: everything that is stored in it, and how it is read back."""
