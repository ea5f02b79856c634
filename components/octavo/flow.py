"""The stages of the chain: each one's transform list, and the defaults of the pipeline and the command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octavo.int8.node_names import CORRECTIONS

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
    f'insert_logging(prefix="{CORRECTIONS}", show_name=true, summarize=-1, message="__bias_correction:")'
)
"""The dynamic-range graph with a Print behind every range and every bias correction: what calibration runs."""

OF_RANGES = ("algorithm", "min_percentile", "max_percentile", "percentile", "smoothing")
"""What of the recipe's part on calibration is about the ranges of activations."""

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
    """The transform list that makes constants of a log's ranges and bias corrections, as the recipe has ranges taken.

    Raises:
        SpecError: when the log's path cannot be written in such a list.
    """
    from octavo.transform_graph.language import write_call

    fields = recipe.calibration.model_dump(include=set(OF_RANGES))
    ranges = write_call("freeze_requantization_ranges", {"min_max_log_file": str(log), **fields})
    return f"{ranges} {write_call('freeze_bias_corrections', {'min_max_log_file': str(log)})}"


def fuse(recipe: Recipe) -> str:
    """The transform list that lowers a graph with frozen ranges to the recipe's op set and biases."""
    return FUSE.format(target=recipe.target, bias=recipe.bias)
