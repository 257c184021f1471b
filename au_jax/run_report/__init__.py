"""report.html, a page about a run: its curves, its scores, and what its networks do."""
