"""Which range eight bits are spent on: the calibration algorithms, for activations and for weights."""
