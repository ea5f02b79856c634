"""Merging min/max logs into one."""
