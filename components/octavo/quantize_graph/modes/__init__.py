"""The modes of quantize_graph beside the oneDNN path: TensorFlow's generic eight-bit ops, and weights alone."""
