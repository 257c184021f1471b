"""Readers of raw data sets, one file per set; they yield rows and rejects."""
