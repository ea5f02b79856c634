"""Turn an optimized float graph into a dynamic-range INT8 graph."""
