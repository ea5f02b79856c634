"""The stages of the chain, as the transforms that each is made of."""

from __future__ import annotations

from pathlib import Path

from octavo.int8.node_names import CORRECTIONS
from octavo.recipe import Recipe
from octavo.transform_graph.language import Step
from octavo.transform_graph.transforms.flatten_matmuls import flatten_matmuls
from octavo.transform_graph.transforms.fold_batch_norms import fold_batch_norms
from octavo.transform_graph.transforms.fold_constants import fold_constants
from octavo.transform_graph.transforms.fold_old_batch_norms import fold_old_batch_norms
from octavo.transform_graph.transforms.free_batch_dimension import free_batch_dimension
from octavo.transform_graph.transforms.freeze_bias_corrections import freeze_bias_corrections
from octavo.transform_graph.transforms.freeze_requantization_ranges import freeze_requantization_ranges
from octavo.transform_graph.transforms.fuse_quantized_conv_and_requantize import fuse_quantized_conv_and_requantize
from octavo.transform_graph.transforms.insert_logging import insert_logging
from octavo.transform_graph.transforms.remove_nodes import remove_nodes
from octavo.transform_graph.transforms.strip_unused_nodes import strip_unused_nodes

Stage = tuple[Step, ...]

OPTIMIZE: Stage = (
    Step(strip_unused_nodes),
    Step(remove_nodes, {"op": ("Identity", "CheckNumerics")}),
    Step(fold_constants, ignore_errors=True),
    Step(fold_batch_norms),
    Step(fold_old_batch_norms),
    Step(flatten_matmuls),
    Step(free_batch_dimension),
)
"""The frozen graph, made ready: no training nodes, batch norms in the filters, products as MatMul, a free batch."""

INSERT_LOGGING: Stage = (
    Step(insert_logging, {"op": ("RequantizationRange",), "show_name": True, "message": "__requant_min_max:"}),
    Step(
        insert_logging,
        {"prefix": (CORRECTIONS,), "show_name": True, "summarize": -1, "message": "__bias_correction:"},
    ),
)
"""The dynamic-range graph with a Print behind every range and every bias correction: what calibration runs."""

OF_RANGES = ("algorithm", "min_percentile", "max_percentile", "percentile", "smoothing")
"""What of the recipe's part on calibration is about the ranges of activations."""


def freeze_ranges(log: str | Path, recipe: Recipe) -> Stage:
    """Constants of a log's ranges and bias corrections, as the recipe has ranges taken."""
    file = {"min_max_log_file": str(log)}
    fields = recipe.calibration.model_dump(include=set(OF_RANGES))
    return Step(freeze_requantization_ranges, {**file, **fields}), Step(freeze_bias_corrections, file)


def fuse(recipe: Recipe) -> Stage:
    """A graph with frozen ranges, lowered to INT8 kernels of the recipe's op set and biases."""
    kernels = Step(fuse_quantized_conv_and_requantize, {"target": recipe.target, "bias": recipe.bias})
    return kernels, Step(strip_unused_nodes)
