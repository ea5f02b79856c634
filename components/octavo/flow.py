"""The stages of the chain: each one's transform list, and the defaults of the pipeline and the command."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from octavo.recipe import Recipe

OPTIMIZE = (
    "strip_unused_nodes remove_nodes(op=Identity, op=CheckNumerics) fold_constants(ignore_errors=true) "
    "fold_batch_norms fold_old_batch_norms flatten_matmuls free_batch_dimension"
)
"""The frozen graph, made ready: no training nodes, batch norms in the filters, products as MatMul, a free batch."""

INSERT_LOGGING = (
    'insert_logging(op=RequantizationRange, show_name=true, message="__requant_min_max:") '
    'insert_logging(prefix="eightbit_bias_correction/", show_name=true, summarize=-1, message="__bias_correction:")'
)
"""The dynamic-range graph with a Print behind every range and every bias correction: what calibration runs."""

FREEZE_RANGES = (
    'freeze_requantization_ranges(min_max_log_file="{log}", algorithm={algorithm}, min_percentile={min_percentile:g}, '
    "max_percentile={max_percentile:g}, percentile={percentile:g}, smoothing={smoothing:g}) "
    'freeze_bias_corrections(min_max_log_file="{log}")'
)
"""The dynamic-range graph with the calibrated ranges and bias corrections as constants."""

FUSE = "fuse_quantized_conv_and_requantize(target={target}, bias={bias}) strip_unused_nodes"
"""The graph with frozen ranges, lowered to INT8 kernels."""

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


def freeze_ranges(log: str | Path, recipe: Recipe) -> str:
    """The transform list that puts a log's ranges into a graph, as the recipe has them taken."""
    return FREEZE_RANGES.format(log=log, **recipe.calibration.model_dump())


def fuse(recipe: Recipe) -> str:
    """The transform list that lowers a graph with frozen ranges to the recipe's op set and biases."""
    return FUSE.format(target=recipe.target, bias=recipe.bias)
