"""Quantize a conv of one of Intel's graphs that stayed float because of the Pad before it.

Before:
    x = Placeholder() dtype=quint8
    low = Placeholder()
    high = Placeholder()
    d = Dequantize(x, low, high) T=quint8 mode="SCALED"
    pads = Const() value=int32<4,2>[0, 0, 1, 1, 1, 1, 0, 0]
    p = Pad(d, pads)
    w = Const() value=float32<1,1,1,2>[1.27, -0.5]
    b = Const() value=float32<2>[1, 2]
    c = Conv2D(p, w)
    a = BiasAdd(c, b)
    r = Relu(a)
    dims = Const() value=int32<1>[-1]
    flat = Reshape(r, dims)
    axes = Const() value=int32<1>[0]
    least = Min(flat, axes) Tidx=int32
    most = Max(flat, axes) Tidx=int32
    q = QuantizeV2(r, least, most) T=quint8 mode="SCALED"
    y = QuantizedMaxPool(q, q:1, q:2) T=quint8 ksize=[1, 2, 2, 1] strides=[1, 1, 1, 1] padding="SAME"
After:
    x = Placeholder() dtype=quint8
    low = Placeholder()
    high = Placeholder()
    b = Const() value=float32<2>[1, 2]
    q/pad_fusion_quantized_filter = Const() value=qint8<1,1,1,2>[127, -50]
    q/pad_fusion_filter_min = Const() value=float32<>[-1.27]
    q/pad_fusion_filter_max = Const() value=float32<>[1.27]
    q/fused_pad_and_conv = QuantizedConv2DWithBiasAndRelu(x, q/pad_fusion_quantized_filter, b, low, high, \
q/pad_fusion_filter_min, q/pad_fusion_filter_max) Tfilter=qint8 Tinput=quint8 dilations=[1, 1, 1, 1] out_type=qint32 \
padding="VALID" padding_list=[0, 0, 1, 1, 1, 1, 0, 0] strides=[1, 1, 1, 1]
    q/pad_fusion_requantization_range = RequantizationRange(q/fused_pad_and_conv, q/fused_pad_and_conv:1, \
q/fused_pad_and_conv:2) Tinput=qint32
    q = Requantize(q/fused_pad_and_conv, q/fused_pad_and_conv:1, q/fused_pad_and_conv:2, \
q/pad_fusion_requantization_range, q/pad_fusion_requantization_range:1) Tinput=qint32 out_type=quint8
    y = QuantizedMaxPool(q, q:1, q:2) T=quint8 ksize=[1, 2, 2, 1] padding="SAME" strides=[1, 1, 1, 1]

To be run between quantize_graph and insert_logging, on a graph that Intel's tool of that name wrote: octavo's own
quantizes through a Pad, so that there is nothing left to do. Unlike the original, what else reads the Dequantize, the
Pad or the Relu goes on reading it, weights are rounded half to even with the largest magnitude as 127, however small it
is, and a Pad of channels or of codes whose zero is not code 0 is left alone.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from octavo.graph import Graph, Node, const_node, const_value
from octavo.graph.attrs import DType
from octavo.graph.miss import Miss
from octavo.graph.pattern import only_reader
from octavo.graph.rewrite import Outcome
from octavo.graph.tensors import Array
from octavo.graph.workspace import Edit, Workspace
from octavo.int8.encoding import quantize_weights
from octavo.int8.ops import dequantize, requantization_range

LOG = logging.getLogger(__name__)

CARRIERS = frozenset({"QuantizedMaxPool", "QuantizedAvgPool"})


def mkl_fuse_pad_and_conv(graph: Graph) -> Outcome:
    """Quantize the convs of one of Intel's graphs that stayed float because of the Pad before them."""
    space = Workspace(graph)
    missed: dict[str, list[tuple[str, Miss]]] = {}
    for node in graph.nodes.values():
        if node.op != "Conv2D" or graph.producer(node.data_inputs[0]).op != "Pad":
            continue
        try:
            space.apply(_fused(space, node))
        except Miss as miss:
            LOG.warning("Conv2D %r stays float: %s", node.name, miss)
            missed[node.name] = [("mkl_fuse_pad_and_conv", miss)]
    return Outcome(space.graph(), missed=missed)


def _fused(space: Workspace, conv: Node) -> Edit:
    """The edit that puts a kernel with a padding of its own in the place of a Pad's conv."""
    pad = space.producer(conv.data_inputs[0])
    codes = space.producer(pad.data_inputs[0])
    paddings = _paddings(space, pad)
    if conv.text("padding") != "VALID" or conv.text("data_format") != "NHWC":
        raise Miss("it pads by itself, or is NCHW; wanted VALID and NHWC", at=conv.name)
    if codes.op != "Dequantize" or codes.dtype("T") != "quint8" or not _unsigned(space, codes):
        raise Miss(f"its Pad reads {codes.op} {codes.name!r}; wanted unsigned codes through a Dequantize", at=pad.name)
    weights = space.producer(conv.data_inputs[1])
    bias_add = only_reader(space, conv)
    if weights.op != "Const" or bias_add.op != "BiasAdd" or space.producer(bias_add.data_inputs[1]).op != "Const":
        raise Miss("its weights or its bias are no Consts", at=conv.name)
    relu = only_reader(space, bias_add)
    if relu.op != "Relu":
        raise Miss(f"expected a Relu after the bias, found {relu.op} {relu.name!r}", at=relu.name)
    quantize = _quantizer(space, relu)
    kernel = _kernel(quantize.name, codes, const_value(weights), bias_add.data_inputs[1], conv, paddings)
    edges = dict.fromkeys(t for n in (pad, conv, bias_add, relu) for t in n.control_inputs)
    kernel = (*kernel[:-1], replace(kernel[-1], inputs=(*kernel[-1].inputs, *edges)))
    made = (*kernel, *_requantized(quantize, kernel[-1].name))
    back = dequantize(relu.name, quantize.name, f"{quantize.name}:1", f"{quantize.name}:2", dtype="quint8")
    return Edit(frozenset({quantize.name, relu.name}), (*made, back))


def _paddings(space: Workspace, pad: Node) -> tuple[int, ...]:
    """The eight numbers of a Pad of rows and columns."""
    const = space.producer(pad.data_inputs[1])
    if const.op != "Const":
        raise Miss(f"the paddings are made by {const.op}; wanted a Const", at=const.name)
    value = const_value(const)
    if value.shape != (4, 2) or value[0].any() or value[3].any():
        raise Miss("it pads other dimensions than rows and columns", at=pad.name)
    return tuple(int(n) for n in value.reshape(-1))


def _unsigned(space: Workspace, codes: Node) -> bool:
    """Whether code 0 stands for zero: the codes are SCALED, or those of a Relu."""
    if codes.text("mode") == "SCALED":
        return True
    maker = space.producer(codes.data_inputs[0])
    while maker.op in CARRIERS:
        maker = space.producer(maker.data_inputs[0])
    return maker.op.startswith("Requantize") and space.producer(maker.data_inputs[0]).op.endswith("AndRelu")


def _quantizer(space: Workspace, relu: Node) -> Node:
    """The node that quantizes a Relu's result with the range that it has in each run."""
    for node in space.readers(relu.name):
        if node.op == "QuantizeV2" and node.dtype("T") == "quint8" and node.data_inputs[0] == relu.name:
            if [space.producer(t).op for t in node.data_inputs[1:]] == ["Min", "Max"]:
                return node
            raise Miss("the range behind it is frozen already, or not measured", at=node.name)
    raise Miss(f"nothing quantizes {relu.op} {relu.name!r}", at=relu.name)


def _kernel(
    name: str, codes: Node, weights: Array, bias: str, conv: Node, paddings: tuple[int, ...]
) -> tuple[Node, ...]:
    quantized = quantize_weights(weights, (3,), per_channel=False)
    filters = (
        const_node(f"{name}/pad_fusion_quantized_filter", quantized.codes, "qint8"),
        const_node(f"{name}/pad_fusion_filter_min", -quantized.high),
        const_node(f"{name}/pad_fusion_filter_max", quantized.high),
    )
    attrs = {
        "Tinput": DType("quint8"),
        "Tfilter": DType("qint8"),
        "out_type": DType("qint32"),
        "strides": conv.attrs["strides"],
        "padding": conv.attrs["padding"],
        "dilations": conv.attr("dilations"),
        "padding_list": tuple(paddings),
    }
    data, low, high = codes.data_inputs
    inputs = (data, filters[0].name, bias, low, high, filters[1].name, filters[2].name)
    return *filters, Node(f"{name}/fused_pad_and_conv", "QuantizedConv2DWithBiasAndRelu", inputs, attrs)


def _requantized(quantize: Node, kernel: str) -> tuple[Node, Node]:
    """The range of a kernel's result and its Requantize, in the place of a QuantizeV2."""
    ranges = requantization_range(f"{quantize.name}/pad_fusion_requantization_range", kernel)
    attrs = {"Tinput": DType("qint32"), "out_type": DType("quint8")}
    inputs = (kernel, f"{kernel}:1", f"{kernel}:2", ranges.name, f"{ranges.name}:1", *quantize.control_inputs)
    return ranges, Node(quantize.name, "Requantize", inputs, attrs)
