"""The transforms, by name: what a transform list may call."""

from octavo.transform_graph.language import Transform
from octavo.transform_graph.transforms.add_default_attributes import add_default_attributes
from octavo.transform_graph.transforms.backport_concatv2 import backport_concatv2
from octavo.transform_graph.transforms.backport_tensor_array_v3 import backport_tensor_array_v3
from octavo.transform_graph.transforms.equalize_weights import equalize_weights
from octavo.transform_graph.transforms.flatten_atrous_conv import flatten_atrous_conv
from octavo.transform_graph.transforms.flatten_matmuls import flatten_matmuls
from octavo.transform_graph.transforms.fold_batch_norms import fold_batch_norms
from octavo.transform_graph.transforms.fold_constants import fold_constants
from octavo.transform_graph.transforms.fold_convolutionwithbias_mul import fold_convolutionwithbias_mul
from octavo.transform_graph.transforms.fold_old_batch_norms import fold_old_batch_norms
from octavo.transform_graph.transforms.fold_subdivmul_batch_norms import fold_subdivmul_batch_norms
from octavo.transform_graph.transforms.free_batch_dimension import free_batch_dimension
from octavo.transform_graph.transforms.freeze_bias_corrections import freeze_bias_corrections
from octavo.transform_graph.transforms.freeze_max import freeze_max
from octavo.transform_graph.transforms.freeze_min import freeze_min
from octavo.transform_graph.transforms.freeze_requantization_ranges import freeze_requantization_ranges
from octavo.transform_graph.transforms.fuse_convolutions import fuse_convolutions
from octavo.transform_graph.transforms.fuse_pad_and_conv import fuse_pad_and_conv
from octavo.transform_graph.transforms.fuse_quantized_conv_and_requantize import fuse_quantized_conv_and_requantize
from octavo.transform_graph.transforms.fuse_quantized_matmul_and_requantize import fuse_quantized_matmul_and_requantize
from octavo.transform_graph.transforms.fuse_resize_and_conv import fuse_resize_and_conv
from octavo.transform_graph.transforms.fuse_resize_pad_and_conv import fuse_resize_pad_and_conv
from octavo.transform_graph.transforms.insert_logging import insert_logging
from octavo.transform_graph.transforms.merge_duplicate_nodes import merge_duplicate_nodes
from octavo.transform_graph.transforms.mkl_fuse_pad_and_conv import mkl_fuse_pad_and_conv
from octavo.transform_graph.transforms.obfuscate_names import obfuscate_names
from octavo.transform_graph.transforms.obsfucate_names import obsfucate_names
from octavo.transform_graph.transforms.quantize_nodes import quantize_nodes
from octavo.transform_graph.transforms.quantize_weights import quantize_weights
from octavo.transform_graph.transforms.remove_attribute import remove_attribute
from octavo.transform_graph.transforms.remove_control_dependencies import remove_control_dependencies
from octavo.transform_graph.transforms.remove_device import remove_device
from octavo.transform_graph.transforms.remove_nodes import remove_nodes
from octavo.transform_graph.transforms.rename_attribute import rename_attribute
from octavo.transform_graph.transforms.rename_node import rename_node
from octavo.transform_graph.transforms.rename_op import rename_op
from octavo.transform_graph.transforms.rerange_quantized_concat import rerange_quantized_concat
from octavo.transform_graph.transforms.round_weights import round_weights
from octavo.transform_graph.transforms.set_device import set_device
from octavo.transform_graph.transforms.sort_by_execution_order import sort_by_execution_order
from octavo.transform_graph.transforms.sparsify_gather import sparsify_gather
from octavo.transform_graph.transforms.split_batch import split_batch
from octavo.transform_graph.transforms.strip_unused_nodes import strip_unused_nodes

TRANSFORMS: tuple[Transform, ...] = (
    add_default_attributes,
    backport_concatv2,
    backport_tensor_array_v3,
    equalize_weights,
    flatten_atrous_conv,
    flatten_matmuls,
    fold_batch_norms,
    fold_constants,
    fold_convolutionwithbias_mul,
    fold_old_batch_norms,
    fold_subdivmul_batch_norms,
    free_batch_dimension,
    freeze_bias_corrections,
    freeze_max,
    freeze_min,
    freeze_requantization_ranges,
    fuse_convolutions,
    fuse_pad_and_conv,
    fuse_quantized_conv_and_requantize,
    fuse_quantized_matmul_and_requantize,
    fuse_resize_and_conv,
    fuse_resize_pad_and_conv,
    insert_logging,
    merge_duplicate_nodes,
    mkl_fuse_pad_and_conv,
    obfuscate_names,
    obsfucate_names,
    quantize_nodes,
    quantize_weights,
    remove_attribute,
    remove_control_dependencies,
    remove_device,
    remove_nodes,
    rename_attribute,
    rename_node,
    rename_op,
    rerange_quantized_concat,
    round_weights,
    set_device,
    sort_by_execution_order,
    sparsify_gather,
    split_batch,
    strip_unused_nodes,
)
"""Every transform, in the order of their names; importing them does not load TensorFlow."""
