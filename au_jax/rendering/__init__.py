"""Rendered faces with exact labels: the data sets faces_lab and faces_wild."""
