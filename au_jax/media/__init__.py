"""Picture and video files: their formats, and their frames as arrays."""
