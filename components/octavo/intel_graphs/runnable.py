"""Intel's dynamic-range graphs, mended where TensorFlow 2 computes them wrong or dies.

With a range for each channel of the filter, a conv gives its 32-bit results in the scale of the widest channel, but
says a range for each: RequantizationRangePerChannel and RequantizePerChannel then take them for something else (by up
to 47% where it was measured). With the widest range, and the ops for one range, the numbers are right.

A conv that adds takes its summand's buffer for its result, and kills the process where anyone else still holds it:
such a summand is copied.

A matmul that reads codes of the mode MIN_FIRST, as Intel's flow has them, gives numbers of no meaning: it is computed
in float32, and its result quantized to 32 bits.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from octavo.graph import Graph, Node, const_node
from octavo.graph.attrs import DType
from octavo.graph.tensors import const_value
from octavo.graph.workspace import Edit, Workspace
from octavo.int8.encoding import MIN_MAGNITUDE
from octavo.int8.ops import dequantize, quantize_v2
from octavo.int8.private_buffers import HOLDING
from octavo.intel_graphs.int32_kernels import CONVS, MATMULS, int32_kernel

NO_CLIP = 1e30
"""The clip_value_max that stands for none."""


def runnable(graph: Graph) -> Graph:
    """The graph with its 32-bit convs mended; other graphs as they are."""
    kernels = [node.name for node in graph.nodes.values() if node.op in CONVS | MATMULS]
    if not kernels:
        return graph
    space = Workspace(graph)
    for name in kernels:
        if space.nodes[name].op in MATMULS:
            _in_float(space, space.nodes[name])
            continue
        _with_one_range(space, space.nodes[name])
        _with_private_summand(space, space.nodes[name])
    return space.graph()


def _in_float(space: Workspace, node: Node) -> None:
    """Compute a matmul of MIN_FIRST codes in float32; its result has 32 bits and a range as before."""
    kernel = int32_kernel(node)
    if node.text("input_quant_mode") != "MIN_FIRST":
        return
    name = node.name
    steps = ("data", "weights", "product", "biased", "relu", "axes", "low", "high")
    data, weights, product, biased, relu, axes, low, high = (space.fresh_name(f"{name}/{step}") for step in steps)
    last = relu if kernel.relu else biased
    turns = {key: node.attr(key) for key in ("transpose_a", "transpose_b")}
    floats = {"T": DType("float32")}
    reduce = {**floats, "Tidx": DType("int32"), "keep_dims": False}
    x, w = kernel.data, kernel.weights
    made = (
        dequantize(data, x.tensor, x.low, x.high, dtype=x.dtype, mode="MIN_FIRST"),
        dequantize(weights, w.tensor, w.low, w.high, dtype=w.dtype),
        Node(product, "MatMul", (data, weights), {**floats, **turns}),
        Node(biased, "BiasAdd", (product, str(kernel.bias)), floats),
        *((Node(relu, "Relu", (biased,), floats),) if kernel.relu else ()),
        const_node(axes, np.arange(2, dtype=np.int32)),
        Node(low, "Min", (last, axes), reduce),
        Node(high, "Max", (last, axes), reduce),
    )
    codes = quantize_v2(name, last, low, high, dtype="qint32", mode="MIN_FIRST")
    codes = replace(codes, inputs=(*codes.inputs, *node.control_inputs))
    space.apply(Edit(frozenset({name}), (*made, codes.with_attrs(ensure_minimum_range=MIN_MAGNITUDE))))


def _with_one_range(space: Workspace, conv: Node) -> None:
    """Let what requantizes a conv with a range for each channel use the widest."""
    high = space.producer(int32_kernel(conv).weights.high)
    readers = [node for node in space.readers(conv.name) if node.op in _MENDED]
    if high.op != "Const" or const_value(high).size == 1 or not readers:
        return
    axes, low, top = (space.fresh_name(f"{conv.name}/widest_{end}") for end in ("axes", "low", "high"))
    attrs = {"T": DType("float32"), "Tidx": DType("int32"), "keep_dims": False}
    widest = (
        const_node(axes, np.zeros(1, np.int32)),
        Node(low, "Min", (f"{conv.name}:1", axes), attrs),
        Node(top, "Max", (f"{conv.name}:2", axes), attrs),
    )
    mended = [made for node in readers for made in _MENDED[node.op](node, (conv.name, low, top))]
    space.apply(Edit(frozenset(node.name for node in readers), (*widest, *mended)))


def _mended_range(node: Node, codes: tuple[str, str, str]) -> tuple[Node, ...]:
    """RequantizationRangePerChannel as RequantizationRange; a Relu6 ends the range at 6."""
    measured = Node(node.name, "RequantizationRange", (*codes, *node.control_inputs), {"Tinput": DType("qint32")})
    clip = node.number("clip_value_max")
    if clip >= NO_CLIP:
        return (measured,)
    measured = replace(measured, name=f"{node.name}/measured")
    end = const_node(f"{node.name}/most", np.float32(clip))
    capped = Node(f"{node.name}/capped", "Minimum", (f"{measured.name}:1", end.name), {"T": DType("float32")})
    both = Node(node.name, "IdentityN", (measured.name, capped.name), {"T": (DType("float32"), DType("float32"))})
    return measured, end, capped, both


def _mended_requantize(node: Node, codes: tuple[str, str, str]) -> tuple[Node, ...]:
    """RequantizePerChannel as Requantize; signed codes stand for a symmetric range."""
    ends = node.data_inputs[3:5]
    made: tuple[Node, ...] = ()
    if node.dtype("out_type") == "qint8":
        made = _symmetric(node.name, *ends)
        ends = (made[-1].name, made[-2].name)
    attrs = {"Tinput": DType("qint32"), "out_type": node.attrs["out_type"]}
    return *made, Node(node.name, "Requantize", (*codes, *ends, *node.control_inputs), attrs)


def _symmetric(name: str, low: str, high: str) -> tuple[Node, ...]:
    """Nodes whose last two are the high and the low end of the symmetric range around another."""
    attrs = {"T": DType("float32")}
    below = Node(f"{name}/below", "Neg", (low,), attrs)
    most = Node(f"{name}/most", "Maximum", (below.name, high), attrs)
    return below, most, Node(f"{name}/least", "Neg", (most.name,), attrs)


_MENDED = {"RequantizationRangePerChannel": _mended_range, "RequantizePerChannel": _mended_requantize}


def _with_private_summand(space: Workspace, conv: Node) -> None:
    """Copy the summand of a conv where anyone else may hold its buffer."""
    summand = int32_kernel(conv).summand
    if summand is None:
        return
    maker = space.producer(summand)
    fetched = maker.name in space.output_names | space.input_names
    if len(space.readers(maker.name)) == 1 and maker.op not in HOLDING and not fetched:
        return
    attrs = {
        "T": DType("float32"),
        "ksize": (1, 1, 1, 1),
        "strides": (1, 1, 1, 1),
        "padding": "VALID",
    }
    copy = Node(space.fresh_name(f"{conv.name}/summand"), "MaxPool", (summand,), attrs)
    inputs = tuple(copy.name if t == summand else t for t in conv.inputs)
    space.apply(Edit(frozenset({conv.name}), (copy, replace(conv, inputs=inputs))))
