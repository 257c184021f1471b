"""Prepared data as training reads them: records, splits, transforms, batches."""
