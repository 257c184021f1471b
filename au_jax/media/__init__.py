"""Pictures and videos: which files they are, and their frames as arrays."""
