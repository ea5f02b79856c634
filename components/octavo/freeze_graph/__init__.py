"""Variables into constants: from a graph with its checkpoint, a SavedModel or a Keras file to one frozen graph."""
