"""The check of a prepared data set: what it holds, and whether training on it works."""
