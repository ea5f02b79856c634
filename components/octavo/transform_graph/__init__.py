"""Lists of graph transforms, in the language of TensorFlow's tool of that name."""
