"""Prepared data: record files, splits, augmentation, batches."""
