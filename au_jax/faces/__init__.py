"""Faces: landmarks, detection, alignment, tracking, drawing."""
