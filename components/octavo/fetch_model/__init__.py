"""Fetch a model: copy it from where it is stored, and record what was copied."""
