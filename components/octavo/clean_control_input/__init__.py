"""Drop the control edges of a graph."""
