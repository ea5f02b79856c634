"""The step that times the FP32 and the INT8 graph against each other."""
