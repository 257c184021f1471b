"""The geometry of a face: its landmarks, where they are found, how it is aligned."""
