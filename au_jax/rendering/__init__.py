"""Rendered faces with exact labels: the embedded data sets faces_lab and faces_wild."""
