"""Faces in, action units out."""
