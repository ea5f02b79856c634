"""Publish a model: copy an INT8 graph to its target, if it is accurate enough."""
