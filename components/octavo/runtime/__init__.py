"""Running graphs: the TensorFlow session, and the first run of a candidate graph in a process of its own."""
