"""The transforms, by name: what a transform list may call."""

from octavo.transform_graph.language import Transform
from octavo.transform_graph.transforms.equalize_weights import equalize_weights
from octavo.transform_graph.transforms.flatten_matmuls import flatten_matmuls
from octavo.transform_graph.transforms.fold_batch_norms import fold_batch_norms
from octavo.transform_graph.transforms.fold_constants import fold_constants
from octavo.transform_graph.transforms.fold_old_batch_norms import fold_old_batch_norms
from octavo.transform_graph.transforms.free_batch_dimension import free_batch_dimension
from octavo.transform_graph.transforms.freeze_bias_corrections import freeze_bias_corrections
from octavo.transform_graph.transforms.freeze_requantization_ranges import freeze_requantization_ranges
from octavo.transform_graph.transforms.fuse_quantized_conv_and_requantize import fuse_quantized_conv_and_requantize
from octavo.transform_graph.transforms.insert_logging import insert_logging
from octavo.transform_graph.transforms.merge_duplicate_nodes import merge_duplicate_nodes
from octavo.transform_graph.transforms.remove_control_dependencies import remove_control_dependencies
from octavo.transform_graph.transforms.remove_device import remove_device
from octavo.transform_graph.transforms.remove_nodes import remove_nodes
from octavo.transform_graph.transforms.rename_node import rename_node
from octavo.transform_graph.transforms.sort_by_execution_order import sort_by_execution_order
from octavo.transform_graph.transforms.strip_unused_nodes import strip_unused_nodes

TRANSFORMS: tuple[Transform, ...] = (
    equalize_weights,
    flatten_matmuls,
    fold_batch_norms,
    fold_constants,
    fold_old_batch_norms,
    free_batch_dimension,
    freeze_bias_corrections,
    freeze_requantization_ranges,
    fuse_quantized_conv_and_requantize,
    insert_logging,
    merge_duplicate_nodes,
    remove_control_dependencies,
    remove_device,
    remove_nodes,
    rename_node,
    sort_by_execution_order,
    strip_unused_nodes,
)
"""Every transform, in the order of their names; importing them does not load TensorFlow."""
