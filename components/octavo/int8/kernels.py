"""One INT8 kernel, from what it reads and what it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from octavo.graph.graph import Graph, Node
from octavo.graph.miss import Miss
from octavo.graph.names import producer_name
from octavo.graph.tensors import Array, const_node, const_value
from octavo.int8.activations import Activation
from octavo.int8.chain import const_behind
from octavo.int8.ops import (
    Codes,
    Fusion,
    Window,
    fused_quantized_conv,
    public_quantized_conv,
    quantized_matmul,
)
from octavo.int8.spans import Span
from octavo.recipe import Target

Layout = Literal["HWIO", "HWCM", "IO", "OI"]


@dataclass(frozen=True, slots=True)
class Operand:
    """A quantized tensor that a kernel reads: its codes, and what they stand for."""

    codes: Codes
    span: Span


@dataclass(frozen=True, slots=True)
class Filters:
    """Quantized weights.

    Attributes:
        codes: the nodes' names as a kernel's inputs.
        values: what the codes stand for, float32.
        layout: the axes: Conv2D's, DepthwiseConv2dNative's, or MatMul's, the last one transposed.
    """

    codes: Codes
    values: Array
    layout: Layout

    @property
    def sums(self) -> Array:
        """The sum of the weights of each output channel, float64 [channels]."""
        summed = tuple(axis for axis, letter in enumerate(self.layout) if letter in "HWI")
        return np.asarray(self.values.astype(np.float64).sum(axis=summed).reshape(-1))


def filters_of(graph: Graph, anchor: Node) -> Filters:
    """The quantized weights that an anchor reads through a Dequantize.

    The kernels read code n as n / 127 of the range's high end: qint8 whose Dequantize reads them so.

    Raises:
        Miss: when it reads others.
    """
    unfit = Miss("its weights are not qint8 constants of a symmetric range", at=anchor.data_inputs[1])
    back = graph.nodes[producer_name(anchor.data_inputs[1])]
    if back.op != "Dequantize" or back.dtype("T") != "qint8" or back.text("mode") != "SCALED":
        raise unfit
    consts = [const_behind(graph, t) for t in back.data_inputs]
    if any(c is None for c in consts):
        raise unfit
    codes, low, high = (c for c in consts if c is not None)
    least = 127 if back.flag("narrow_range") else 128
    if np.any(const_value(low) / -least > const_value(high) / 127):
        raise unfit
    axis = back.integer("axis")
    shape = [1] * const_value(codes).ndim
    if axis >= 0:
        shape[axis] = -1
    scale = (const_value(high).astype(np.float64) / 127).reshape(shape if axis >= 0 else ())
    values = (const_value(codes).astype(np.float64) * scale).astype(np.float32)
    return Filters(Codes(codes.name, low.name, high.name, "qint8"), values, _layout(anchor))


def made_filters(name: str, values: Array, layout: Layout) -> tuple[Filters, list[Node]]:
    """Weights of zeros and of one number above zero, for the kernel of a name, with their constants."""
    high = values.max()
    codes = Codes(f"{name}_filter", f"{name}_filter_low", f"{name}_filter_high", "qint8")
    constants = [
        const_node(codes.tensor, np.where(values > 0, 127, 0).astype(np.int8), "qint8"),
        const_node(codes.low, -high),
        const_node(codes.high, high),
    ]
    return Filters(codes, values, layout), constants


def conv_kernel(
    name: str,
    data: Operand,
    filters: Filters,
    output: Operand,
    *,
    window: Window,
    relu: bool,
    target: Target,
    bias: Array | None = None,
    summand: Operand | None = None,
    controls: tuple[str, ...] = (),
) -> list[Node]:
    """A conv as one kernel named `name`, after its bias Const.

    Args:
        name: the kernel's.
        data: what it reads.
        filters: its weights, of layout "HWIO" or "HWCM".
        output: what its codes are to stand for.
        window: where it looks.
        relu: whether what is below zero becomes zero, before the output's shift.
        target: the op set.
        bias: float32 [channels].
        summand: what is added behind the bias.
        controls: its control inputs.
    """
    shifted = const_node(f"{name}_bias", _shifted(bias, filters, data, summand, output.span.shift))
    fusion = Fusion(
        shifted.name,
        summand.codes if summand else None,
        relu or output.span.shift != 0.0,
        output.codes.low,
        output.codes.high,
        output.span.dtype,
    )
    depthwise = filters.layout == "HWCM"
    build = _builder(target, depthwise=depthwise, data=data, fusion=fusion)
    return [shifted, build(name, data.codes, filters.codes, window, fusion, depthwise=depthwise, controls=controls)]


def matmul_kernel(
    name: str,
    data: Operand,
    filters: Filters,
    output: Operand | None,
    *,
    activation: Activation | None = None,
    bias: Array | None = None,
    controls: tuple[str, ...] = (),
) -> list[Node]:
    """A matmul as one kernel named `name`, after its bias Const.

    Args:
        name: the kernel's.
        data: what it reads.
        filters: its weights, of layout "IO" or "OI".
        output: what its codes are to stand for; None for float32.
        activation: what follows the bias.
        bias: float32 [channels].
        controls: its control inputs.
    """
    shifted = const_node(f"{name}_bias", _shifted(bias, filters, data, None, 0.0))
    kind = activation.kind if activation else None
    ends = None
    if output is not None:
        ends = (output.codes.low, output.codes.high, output.span.dtype)
        if kind in ("Relu", "Relu6"):  # unsigned codes begin at zero, and their range ends at 6
            kind = None if output.span.dtype == "quint8" else "Relu"
    kernel = quantized_matmul(
        name,
        data.codes,
        filters.codes,
        shifted.name,
        transpose_b=filters.layout == "OI",
        activation=kind,
        leakyrelu_alpha=activation.alpha if activation else 0.2,
        output=ends,
        controls=controls,
    )
    return [shifted, kernel]


def output_span(activation: Activation | None, span: Span) -> Span:
    """The span a kernel writes: a Relu6 never needs more than 6."""
    if activation is not None and activation.kind == "Relu6" and span.high > 6.0:
        return Span(span.dtype, span.low, 6.0, span.shift)
    return span


def _shifted(bias: Array | None, filters: Filters, data: Operand, summand: Operand | None, shift: float) -> Array:
    """The bias that takes the inputs' shifts out and puts the output's in: float32 [channels].

    With codes that stand for x + k:  conv(x) + b = conv(x + k) + (b - k * sum(w)), where no padding cuts the sum.
    """
    sums = filters.sums
    exact = np.zeros(sums.shape) if bias is None else bias.astype(np.float64)
    exact = exact - data.span.shift * sums - (summand.span.shift if summand else 0.0) + shift
    return np.asarray(exact, np.float32)


def _layout(anchor: Node) -> Layout:
    if anchor.op == "MatMul":
        return "OI" if anchor.flag("transpose_b") else "IO"
    return "HWCM" if anchor.op == "DepthwiseConv2dNative" else "HWIO"


def _builder(target: Target, *, depthwise: bool, data: Operand, fusion: Fusion) -> Callable[..., Node]:
    """The op set; the public one lacks signed sums, signed depthwise and depthwise without Relu."""
    unsigned = data.span.dtype == "quint8"
    missing = (depthwise and not (unsigned and fusion.relu)) or (fusion.summand is not None and not unsigned)
    return public_quantized_conv if target == "public" and not missing else fused_quantized_conv
