"""From a raw set to a prepared one: survey, splits, faces, records, checks."""
