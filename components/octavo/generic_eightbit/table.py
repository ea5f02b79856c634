"""The float ops that TensorFlow's generic path has eight-bit ops for, and what those cannot do.

Each row was checked against float on the CPU build of TensorFlow 2.21, with oneDNN's graph rewriting and without.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from octavo.generic_eightbit.codes import check_input
from octavo.graph.graph import Graph, Node
from octavo.graph.tensors import const_value
from octavo.int8.chain import const_behind
from octavo.int8.checks import CHANNELS_LAST, NO_CONCAT, NO_GROUPS, check_pool, no_kernel
from octavo.runtime.shapes import Shape


@dataclass(frozen=True, slots=True)
class Row:
    """One op type's eight-bit form.

    Attributes:
        op: the quantized op.
        suffix: what the name of its node ends in.
        wide: whether its output is qint32, which a Requantize brings back to eight bits.
        dtypes: quantized dtype attribute -> "quint8", or "out" for the output's.
        copied: attributes that it takes from the float op.
    """

    op: str
    suffix: str
    wide: bool
    dtypes: tuple[str, ...]
    copied: tuple[str, ...] = ()


POOL = ("ksize", "strides", "padding")

ROWS: Mapping[str, Row] = {
    "MatMul": Row("QuantizedMatMul", "mat_mul", True, ("T1", "T2", "Toutput"), ("transpose_a", "transpose_b")),
    "Conv2D": Row("QuantizedConv2D", "conv", True, ("Tinput", "Tfilter", "out_type"), ("strides", "padding")),
    "BiasAdd": Row("QuantizedBiasAdd", "bias_add", True, ("T1", "T2", "out_type")),
    "BatchNormWithGlobalNormalization": Row(
        "QuantizedBatchNormWithGlobalNormalization",
        "batch_norm",
        True,
        ("Tinput", "out_type"),
        ("variance_epsilon", "scale_after_normalization"),
    ),
    "MaxPool": Row("QuantizedMaxPool", "", False, ("T",), POOL),
    "AvgPool": Row("QuantizedAvgPool", "", False, ("T",), POOL),
    "Relu": Row("QuantizedRelu", "", False, ("Tinput", "out_type")),
    "Relu6": Row("QuantizedRelu6", "", False, ("Tinput", "out_type")),
    "Concat": Row("QuantizedConcat", "concat", False, ("T",), ("N",)),
    "ConcatV2": Row("QuantizedConcat", "concatv2", False, ("T",), ("N",)),
    "Reshape": Row("QuantizedReshape", "reshape", False, ("T",), ("Tshape",)),
}

FAKE_QUANTS = frozenset({"FakeQuantWithMinMaxVars", "FakeQuantWithMinMaxArgs"})

WITHOUT_KERNEL = {
    "DepthwiseConv2dNative": (
        "TensorFlow's depthwise kernels take qint8 filters: use --intel_cpu_eightbitize=True",
        None,
    ),
    "FakeQuantWithMinMaxVarsPerChannel": (
        "TensorFlow's generic eight-bit ops have one range for a tensor",
        "use FakeQuantWithMinMaxVars, one range for all channels, or oneDNN's kernels",
    ),
}
"""Ops that are FP32 whatever is around them -> why, and the way out."""


def node_name(node: Node, row: Row) -> str:
    """The name of a float op's quantized node."""
    return f"{node.name}_eightbit_quantized" + (f"_{row.suffix}" if row.suffix else "")


def coded_inputs(node: Node) -> tuple[str, ...]:
    """The inputs that are read as codes: all but axes and shapes."""
    if node.op == "Concat":
        return node.data_inputs[1:]
    if node.op == "ConcatV2":
        return node.data_inputs[:-1]
    return node.data_inputs[:1] if node.op == "Reshape" or len(node.data_inputs) == 1 else node.data_inputs


def computes_floats(node: Node) -> bool:
    """Whether a node is of one of the types, and of float32; shapes are joined and reshaped by the same ops."""
    return node.op in ROWS and node.dtype("T") == "float32"


def check(graph: Graph, node: Node, shapes: Mapping[str, Shape]) -> None:
    """Confirm that the eight-bit op can stand for a float one.

    Args:
        graph: the float graph.
        node: one that computes floats.
        shapes: those of the coded inputs, as far as they are known.

    Raises:
        Miss: when it cannot.
    """
    if node.text("data_format", "NHWC") != "NHWC":
        raise no_kernel(node, "its data format is not NHWC, the only one of the eight-bit ops", CHANNELS_LAST)
    if node.text("padding", "SAME") not in {"SAME", "VALID"}:
        reason = "its padding is explicit; the eight-bit op knows SAME and VALID"
        raise no_kernel(node, reason, "pad with a Pad in front of it, or use SAME or VALID")
    if node.op == "Conv2D":
        _check_conv(node, *(shapes[t] for t in coded_inputs(node)))
    if node.op in {"MaxPool", "AvgPool"}:
        check_pool(node, "no kernel")
    if node.op in {"Concat", "ConcatV2"}:
        _check_concat(graph, node, shapes)
    for tensor in coded_inputs(node):
        check_input(graph, node, tensor)


def _check_conv(node: Node, data: Shape, filters: Shape) -> None:
    if "dilations" in node.attrs and set(node.integers("dilations")) - {1}:
        way_out = "use oneDNN's kernels, which take dilations: --intel_cpu_eightbitize=True"
        raise no_kernel(node, "it is dilated; QuantizedConv2D on quint8 takes no dilations", way_out)
    channels = data[3] if data else None
    taken = filters[2] if filters else None
    if channels is not None and taken is not None and channels != taken:
        groups = f"it is a grouped convolution: {channels} channels in, filters of {taken}"
        raise no_kernel(node, f"{groups}; QuantizedConv2D has no groups", NO_GROUPS)


def _check_concat(graph: Graph, node: Node, shapes: Mapping[str, Shape]) -> None:
    if len(coded_inputs(node)) < 2:
        raise no_kernel(node, "it joins a single tensor; QuantizedConcat wants two", NO_CONCAT)
    if concat_axis(graph, node, shapes) is None:
        raise no_kernel(node, "its axis is not known before it runs", "make the axis a constant in the model")


def concat_axis(graph: Graph, node: Node, shapes: Mapping[str, Shape]) -> int | None:
    """The axis of a concat counted from the front, which QuantizedConcat wants; None when it is not known."""
    const = const_behind(graph, node.data_inputs[0 if node.op == "Concat" else -1])
    if const is None:
        return None
    axis = int(const_value(const))
    if axis >= 0:
        return axis
    rank = next((len(shape) for t in coded_inputs(node) if (shape := shapes[t]) is not None), None)
    return None if rank is None else axis + rank
