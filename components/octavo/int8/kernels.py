"""One chain of a QDQ graph, written as one INT8 kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from octavo.graph.attrs import read_dtype
from octavo.graph.graph import Graph, Node
from octavo.graph.names import producer_name
from octavo.graph.tensors import Array, const_node, const_value
from octavo.int8.chain import Chain, const_behind
from octavo.int8.ops import (
    Codes,
    Fusion,
    Window,
    fused_quantized_conv,
    public_quantized_conv,
    quantized_matmul,
)
from octavo.int8.spans import Span

Target = Literal["fused", "public"]


@dataclass(frozen=True, slots=True)
class Operand:
    """A quantized tensor that a kernel reads: its codes, and what they stand for."""

    codes: Codes
    span: Span


@dataclass(frozen=True, slots=True)
class Filters:
    """Quantized weights: the nodes' names as a kernel's inputs, and the values they stand for (float32)."""

    codes: Codes
    values: Array


def filters_of(graph: Graph, anchor: Node) -> Filters | None:
    """The quantized weights that an anchor reads through a Dequantize; None when it reads others.

    The kernels read code n as n / 127 of the range's high end: qint8 whose Dequantize reads them so.
    """
    back = graph.nodes[producer_name(anchor.data_inputs[1])]
    if back.op != "Dequantize" or read_dtype(back.attrs["T"]) != "qint8" or back.attrs["mode"].s != b"SCALED":
        return None
    consts = [const_behind(graph, t) for t in back.data_inputs]
    if any(c is None for c in consts):
        return None
    codes, low, high = (c for c in consts if c is not None)
    least = 127 if back.attrs["narrow_range"].b else 128
    if np.any(const_value(low) / -least > const_value(high) / 127):
        return None
    axis = back.attrs["axis"].i
    shape = [1] * const_value(codes).ndim
    if axis >= 0:
        shape[axis] = -1
    scale = (const_value(high).astype(np.float64) / 127).reshape(shape if axis >= 0 else ())
    values = (const_value(codes).astype(np.float64) * scale).astype(np.float32)
    return Filters(Codes(codes.name, low.name, high.name, "qint8"), values)


def shifted_bias(chain: Chain, filters: Filters, data: Operand, summand: Operand | None, output_shift: float) -> Array:
    """The bias that takes the inputs' shifts out and puts the output's in: float32 [channels].

    With codes that stand for x + k:  conv(x) + b = conv(x + k) + (b - k * sum(w)), where no padding cuts the sum.
    """
    axes = _summed_axes(chain.anchor)
    per_channel = filters.values.astype(np.float64).sum(axis=axes).reshape(-1)
    bias = np.zeros(per_channel.shape) if chain.bias is None else chain.bias.astype(np.float64)
    bias = bias - data.span.shift * per_channel - (summand.span.shift if summand else 0.0) + output_shift
    return np.asarray(bias, np.float32)


def conv_kernel(
    name: str,
    chain: Chain,
    filters: Filters,
    data: Operand,
    summand: Operand | None,
    output: Operand,
    *,
    target: Target,
    window: Window,
) -> list[Node]:
    """A conv chain as one kernel named `name`, after its bias Const."""
    anchor = chain.anchor
    depthwise = anchor.op == "DepthwiseConv2dNative"
    bias = const_node(f"{name}_bias", shifted_bias(chain, filters, data, summand, output.span.shift))
    relu = chain.activation is not None or output.span.shift != 0.0
    fusion = Fusion(
        bias.name,
        summand.codes if summand else None,
        relu,
        output.codes.low,
        output.codes.high,
        output.span.dtype,
    )
    build = _builder(target, depthwise=depthwise, data=data, fusion=fusion)
    controls = tuple(c for node in chain.nodes for c in node.control_inputs)
    return [
        bias,
        build(
            name,
            data.codes,
            filters.codes,
            window,
            fusion,
            depthwise=depthwise,
            controls=controls,
        ),
    ]


def matmul_kernel(name: str, chain: Chain, filters: Filters, data: Operand, output: Operand | None) -> list[Node]:
    """A matmul chain as one kernel named `name`, after its bias Const: float output when `output` is None."""
    bias = const_node(f"{name}_bias", shifted_bias(chain, filters, data, None, 0.0))
    activation = chain.activation.kind if chain.activation else None
    ends = None
    if output is not None:
        ends = (output.codes.low, output.codes.high, output.span.dtype)
        if activation in ("Relu", "Relu6"):  # unsigned codes begin at zero, and their range ends at 6
            activation = None if output.span.dtype == "quint8" else "Relu"
    kernel = quantized_matmul(
        name,
        data.codes,
        filters.codes,
        bias.name,
        transpose_b=chain.anchor.attrs["transpose_b"].b,
        activation=activation,
        leakyrelu_alpha=chain.activation.alpha if chain.activation else 0.2,
        output=ends,
        controls=tuple(c for node in chain.nodes for c in node.control_inputs),
    )
    return [bias, kernel]


def output_span(chain: Chain, span: Span) -> Span:
    """The span a kernel writes: a Relu6 never needs more than 6."""
    if chain.activation is not None and chain.activation.kind == "Relu6" and span.high > 6.0:
        return Span(span.dtype, span.low, 6.0, span.shift)
    return span


def window_of(anchor: Node, pads: tuple[int, ...] = ()) -> Window:
    """Where a conv looks, behind a Pad by `pads`."""
    attrs = anchor.attrs
    padding = attrs["padding"].s.decode()
    explicit = tuple(attrs["explicit_paddings"].list.i) if padding == "EXPLICIT" else pads
    dilations = tuple(attrs["dilations"].list.i) if "dilations" in attrs else (1, 1, 1, 1)
    return Window(tuple(attrs["strides"].list.i), padding, dilations or (1, 1, 1, 1), explicit)


def _builder(target: Target, *, depthwise: bool, data: Operand, fusion: Fusion) -> Callable[..., Node]:
    """The op set; the public one lacks signed sums, signed depthwise and depthwise without Relu."""
    unsigned = data.span.dtype == "quint8"
    missing = (depthwise and not (unsigned and fusion.relu)) or (fusion.summand is not None and not unsigned)
    return public_quantized_conv if target == "public" and not missing else fused_quantized_conv


def _summed_axes(anchor: Node) -> tuple[int, ...]:
    if anchor.op == "MatMul":
        return (1,) if anchor.attrs["transpose_b"].b else (0,)
    return (0, 1) if anchor.op == "DepthwiseConv2dNative" else (0, 1, 2)
