"""Splitting a data set into shards of whole batches."""
