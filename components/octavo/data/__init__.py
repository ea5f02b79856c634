"""Data sets and preprocessing: what the steps that run graphs over images share."""
