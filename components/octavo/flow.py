"""The defaults of the pipeline and the command."""

SHARDS = 4
"""Calibration pods."""

EVALUATION_SHARDS = 2
"""Evaluation pods for each graph."""

BATCH_SIZE = 10
"""Examples a session run, in calibration and evaluation."""

CALIBRATION_LIMIT = 500
"""Examples that calibration reads at most."""

TOLERANCE = 1.0
"""Points of top-1 that the INT8 graph may lose."""
