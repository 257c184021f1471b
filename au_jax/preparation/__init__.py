"""From a raw set to a prepared one: looked through, split, faces found, written."""
