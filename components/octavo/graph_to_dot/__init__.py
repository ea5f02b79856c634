"""Draw a graph for Graphviz."""
