"""TensorFlow's own eight-bit ops: the generic modes of quantize_graph, and weights alone."""
