"""A model in one file: written, read, made from other formats, exported to others."""
