"""One-file models: the format, conversion from runs and ADLD, export to others."""
