"""Graphs of many nodes: the time is linear, and no depth is too deep."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from examples import example
from long_graphs import LIST, blocks, chain
from octavo.graph import Graph, const_node, const_value
from octavo.transform_graph.catalog import TRANSFORMS
from octavo.transform_graph.transform import transform
from octavo.transform_graph.transforms.split_batch import split, split_batch


def test_20_000_nodes_take_seconds() -> None:
    graph = blocks(1_820)
    assert len(graph.nodes) > 20_000
    start = time.process_time()
    result = transform(graph, LIST)
    assert time.process_time() - start < 10  # about 2 s
    assert len(result.nodes) == 1 + 1_820 * 5


@pytest.fixture(scope="module")
def deep() -> Graph:
    """A chain of 100,000 nodes, and what the transforms that read logs look for."""
    ranges = """
        lo = Placeholder()
        hi = Placeholder()
        q = Placeholder() dtype=qint32
        axes = Const() value=int32<1>[0]
        range = RequantizationRange(q, lo, hi)
        most = Max(lo, axes) Tidx=int32
        least = Min(lo, axes) Tidx=int32
        filter = Const() value=float32<1,1,1,1>[1]
        error = Conv2D(lo, filter)
        eightbit_bias_correction/c = Mean(error, axes) Tidx=int32
        read = Sub(range, range:1)
        also = AddN(most, least, eightbit_bias_correction/c) N=3
    """
    graph = chain(100_000)
    return replace(graph, nodes={**graph.nodes, **example(ranges).nodes})


LOG = """
;range__print__;__requant_min_max:[0][1]
;most__print__;__max:[1]
;least__print__;__min:[0]
;eightbit_bias_correction/c__print__;__bias_correction:[0.5]
"""

STEPS = (
    "add_default_attributes",
    "backport_concatv2",
    "backport_tensor_array_v3",
    "equalize_weights",
    "flatten_atrous_conv",
    "flatten_matmuls",
    "fold_batch_norms",
    "fold_constants",
    "fold_convolutionwithbias_mul",
    "fold_old_batch_norms",
    "fold_subdivmul_batch_norms",
    "free_batch_dimension",
    "freeze_bias_corrections(min_max_log_file=LOG)",
    "freeze_max(min_max_log_file=LOG)",
    "freeze_min(min_max_log_file=LOG)",
    "freeze_requantization_ranges(min_max_log_file=LOG)",
    "fuse_convolutions",
    "fuse_pad_and_conv",
    "fuse_quantized_conv_and_requantize",
    "fuse_quantized_matmul_and_requantize",
    "fuse_resize_and_conv",
    "fuse_resize_pad_and_conv",
    "insert_logging(op=Exp)",
    "merge_duplicate_nodes",
    "mkl_fuse_pad_and_conv",
    "obfuscate_names",
    "obsfucate_names",
    "quantize_nodes",
    "quantize_weights",
    "remove_attribute(attribute_name=_class)",
    "remove_control_dependencies",
    "remove_device",
    "remove_nodes(op=Neg)",
    "rename_attribute(old_attribute_name=a, new_attribute_name=b)",
    "rename_node(old_node_name=n5, new_node_name=m)",
    "rename_op(old_op_name=Neg, new_op_name=Relu)",
    "rerange_quantized_concat",
    "round_weights",
    "set_device(device=CPU)",
    "sort_by_execution_order",
    "sparsify_gather",
    "strip_unused_nodes",
)


@pytest.mark.parametrize("step", STEPS)
def test_a_chain_of_100_000_nodes_is_not_too_deep(deep: Graph, step: str, tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text(LOG)
    transform(deep, step.replace("LOG", f'"{tmp_path / "log.txt"}"')).check()


def test_every_transform_is_tried_on_the_chain() -> None:
    tried = [step.partition("(")[0] for step in STEPS]
    assert tried == [each.__name__ for each in TRANSFORMS if each is not split_batch], "TensorFlow runs what it makes"


def test_a_chain_of_100_000_nodes_is_not_too_deep_to_be_cut() -> None:
    graph = chain(100_000)
    assert len(split(graph, 2).nodes) > 2 * len(graph.nodes) - 2


def test_constants_100_000_nodes_deep_are_folded() -> None:
    graph = chain(100_000)
    graph = graph.with_nodes({**graph.nodes, "n0": const_node("n0", np.ones(2, np.float32))}.values())
    folded = transform(graph.with_ends((), graph.outputs), "fold_constants")
    assert [node.op for node in folded.nodes.values()] == ["Const"]
    np.testing.assert_array_equal(const_value(folded.nodes["n100000"]), [1, 1])
