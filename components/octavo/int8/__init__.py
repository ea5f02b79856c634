"""INT8 as TensorFlow's CPU kernels do it: encodings, the ops that exist, and how a QDQ graph is lowered to them."""
