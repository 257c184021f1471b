"""The networks of method.md section 2, one per file and independent of each other."""
