"""Node builders for the quantized ops of stock TensorFlow, with the attributes that were measured to be right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from octavo.graph.attrs import DType
from octavo.graph.graph import Node

Mode = Literal["SCALED", "MIN_FIRST"]


def quantize_v2(name: str, tensor: str, low: str, high: str, *, dtype: str, mode: Mode = "SCALED") -> Node:
    """QuantizeV2 of a float tensor. Signed SCALED codes need the narrow range: the kernels' scale is 127, not 128."""
    attrs = {
        "T": DType(dtype),
        "mode": mode,
        "round_mode": ("HALF_TO_EVEN" if mode == "SCALED" else "HALF_AWAY_FROM_ZERO"),
        "narrow_range": dtype == "qint8",
        "axis": -1,
        "ensure_minimum_range": 0.0,
    }
    return Node(name, "QuantizeV2", (tensor, low, high), attrs)


def dequantize(
    name: str, codes: str, low: str, high: str, *, dtype: str, mode: Mode = "SCALED", axis: int = -1
) -> Node:
    """Dequantize to float; `axis` >= 0 takes one range for each channel of that axis."""
    attrs = {
        "T": DType(dtype),
        "mode": mode,
        "narrow_range": dtype == "qint8",
        "axis": axis,
        "dtype": DType("float32"),
    }
    return Node(name, "Dequantize", (codes, low, high), attrs)


def requantization_range(name: str, codes: str) -> Node:
    """RequantizationRange of a qint32 tensor with its own range: outputs min(0, smallest) and the largest value."""
    return Node(name, "RequantizationRange", (codes, f"{codes}:1", f"{codes}:2"), {"Tinput": DType("qint32")})


@dataclass(frozen=True, slots=True)
class Codes:
    """A quantized tensor as an op's inputs name it: codes, and the float scalars of their range."""

    tensor: str
    low: str
    high: str
    dtype: str


@dataclass(frozen=True, slots=True)
class Window:
    """Where a convolution or pool looks: strides and dilations [1, h, w, 1]; `pads` are NHWC's eight explicit ones."""

    strides: tuple[int, ...]
    padding: str
    dilations: tuple[int, ...] = (1, 1, 1, 1)
    pads: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Fusion:
    """What a kernel does after its multiply-adds: bias, summand, Relu, and the range of its 8-bit output."""

    bias: str | None
    summand: Codes | None
    relu: bool
    low: str
    high: str
    dtype: str

    @property
    def names(self) -> tuple[str, ...]:
        """The `fused_ops` of the newer op set.

        Unsigned codes begin at zero, so that rounding to them is a Relu already, and one less to compute; but no kernel
        adds a summand without one.
        """
        parts = [
            ("BiasAdd", self.bias is not None),
            ("Sum", self.summand is not None),
            ("Relu", self.relu and (self.dtype != "quint8" or self.summand is not None)),
            ("Requantize", True),
        ]
        return tuple(name for name, present in parts if present)


def fused_quantized_conv(
    name: str,
    data: Codes,
    filters: Codes,
    window: Window,
    fusion: Fusion,
    *,
    depthwise: bool,
    controls: tuple[str, ...],
) -> Node:
    """`_FusedQuantizedConv2D` or `_FusedQuantizedDepthwiseConv2D`: signed or unsigned input, 8-bit output."""
    device = [(data.tensor, data.dtype), (filters.tensor, "qint8")]
    host = [data.low, data.high, filters.low, filters.high]
    if fusion.bias is not None:
        device.append((fusion.bias, "float32"))
    if fusion.summand is not None:
        device.append((fusion.summand.tensor, fusion.summand.dtype))
        host += [fusion.summand.low, fusion.summand.high]
    host += [fusion.low, fusion.high]
    attrs = {
        "Tinput": DType(data.dtype),
        "Tfilter": DType("qint8"),
        "Tbias": DType("float32"),
        "Tsummand": DType(fusion.summand.dtype if fusion.summand else fusion.dtype),
        "out_type": DType(fusion.dtype),
        "Tdevice_inputs": tuple(DType(kind) for _, kind in device),
        "Thost_inputs": (DType("float32"),) * len(host),
        "Tdevice_outputs": (DType(fusion.dtype),),
        "Thost_outputs": (DType("float32"), DType("float32")),
        "fused_ops": tuple(fusion.names),
        "is_filter_const": True,
        "is_bias_const": True,
        "data_format": "NHWC",
        **_window_attrs(window, explicit="explicit_paddings"),
    }
    op = "_FusedQuantizedDepthwiseConv2D" if depthwise else "_FusedQuantizedConv2D"
    return Node(name, op, (*(t for t, _ in device), *host, *controls), attrs)


def window_sums(name: str, data: Codes, filters: Codes, window: Window, *, controls: tuple[str, ...]) -> Node:
    """`_FusedQuantizedDepthwiseConv2D` that hands on its 32-bit sums, and the range that 32 bits stand for."""
    attrs = {
        "Tinput": DType(data.dtype),
        "Tfilter": DType("qint8"),
        "Tbias": DType("float32"),
        "Tsummand": DType("qint32"),
        "out_type": DType("qint32"),
        "Tdevice_inputs": (DType(data.dtype), DType("qint8")),
        "Thost_inputs": (DType("float32"),) * 4,
        "Tdevice_outputs": (DType("qint32"),),
        "Thost_outputs": (DType("float32"), DType("float32")),
        "fused_ops": (),
        "is_filter_const": True,
        "data_format": "NHWC",
        **_window_attrs(window, explicit="explicit_paddings"),
    }
    ends = (data.low, data.high, filters.low, filters.high)
    return Node(name, "_FusedQuantizedDepthwiseConv2D", (data.tensor, filters.tensor, *ends, *controls), attrs)


def public_quantized_conv(
    name: str,
    data: Codes,
    filters: Codes,
    window: Window,
    fusion: Fusion,
    *,
    depthwise: bool,
    controls: tuple[str, ...],
) -> Node:
    """The op under Intel's name, e.g. `QuantizedConv2DWithBiasAndReluAndRequantize`. Needs a bias."""
    assert fusion.bias is not None
    summand = fusion.summand
    inputs = [data.tensor, filters.tensor, fusion.bias, data.low, data.high, filters.low, filters.high]
    inputs += [fusion.low, fusion.high]
    attrs = {
        "Tinput": DType(data.dtype),
        "Tfilter": DType("qint8"),
        "Tbias": DType("float32"),
        "out_type": DType(fusion.dtype),
        **_window_attrs(window, explicit="padding_list"),
    }
    if summand is not None:
        inputs += [summand.tensor, summand.low, summand.high]
        attrs["Tsummand"] = DType(summand.dtype)
    middle = ("Sum" if summand else "") + ("AndRelu" if fusion.relu else "")
    kind = "QuantizedDepthwiseConv2D" if depthwise else "QuantizedConv2D"
    return Node(name, f"{kind}WithBias{middle}AndRequantize", (*inputs, *controls), attrs)


def quantized_matmul(
    name: str,
    data: Codes,
    weights: Codes,
    bias: str,
    *,
    transpose_b: bool,
    activation: str | None,
    leakyrelu_alpha: float,
    output: tuple[str, str, str] | None,
    controls: tuple[str, ...],
) -> Node:
    """`_QuantizedMatMul`: float output, or 8-bit output when `output` = (low, high, dtype) is given; always a bias."""
    fused = ["BiasAdd", *([activation] if activation else []), "Requantize" if output else "Dequantize"]
    host = [data.low, data.high, weights.low, weights.high, *(output[:2] if output else ())]
    out_type = output[2] if output else "float32"
    attrs = {
        "T1": DType(data.dtype),
        "T2": DType("qint8"),
        "Tbias": DType("float32"),
        "U": DType("float32"),
        "Tout": DType(out_type),
        "Tdevice_inputs": (DType(data.dtype), DType("qint8"), DType("float32")),
        "Thost_inputs": (DType("float32"),) * len(host),
        "Tdevice_outputs": (DType(out_type),),
        "Thost_outputs": (DType("float32"),) * 2 if output else (),
        "transpose_a": False,
        "transpose_b": transpose_b,
        "is_weight_const": True,
        "is_bias_const": True,
        "fused_ops": tuple(fused),
        "input_quant_mode": "SCALED",
        "output_quant_mode": "SCALED",
        "leakyrelu_alpha": leakyrelu_alpha,
    }
    return Node(name, "_QuantizedMatMul", (data.tensor, weights.tensor, bias, *host, *controls), attrs)


def quantized_pool(name: str, op: str, data: Codes, *, ksize: tuple[int, ...], window: Window) -> Node:
    """QuantizedMaxPool or QuantizedAvgPool; the output has the input's range."""
    attrs = {
        "T": DType(data.dtype),
        "ksize": tuple(ksize),
        "strides": window.strides,
        "padding": window.padding,
    }
    return Node(name, f"Quantized{op}", (data.tensor, data.low, data.high), attrs)


def quantized_concat(name: str, parts: list[Codes], axis: str) -> Node:
    """QuantizedConcatV2 of at least two parts of one dtype; it rescales them to the widest range when they differ."""
    inputs = [*(p.tensor for p in parts), axis, *(p.low for p in parts), *(p.high for p in parts)]
    attrs = {"N": len(parts), "T": DType(parts[0].dtype), "Tidx": DType("int32")}
    return Node(name, "QuantizedConcatV2", tuple(inputs), attrs)


def private_copy(name: str, data: Codes) -> Node:
    """A 1x1 max pool: an exact copy of 4-D codes in a buffer of its own, which a summing conv may overwrite."""
    return quantized_pool(name, "MaxPool", data, ksize=(1, 1, 1, 1), window=Window((1, 1, 1, 1), "VALID"))


def bitcast(name: str, tensor: str, *, given: str, made: str) -> Node:
    """The same bytes as numbers of another type; one that is wider takes the last axis in."""
    return Node(name, "Bitcast", (tensor,), {"T": DType(given), "type": DType(made)})


def _window_attrs(window: Window, *, explicit: str) -> dict[str, Any]:
    """Strides, dilations and padding; the newer ops spell explicit padding, the public ones add a `padding_list`."""
    attrs = {"strides": window.strides, "dilations": window.dilations}
    if not window.pads:
        return {**attrs, "padding": window.padding}
    word = "EXPLICIT" if explicit == "explicit_paddings" else "VALID"
    return {**attrs, "padding": word, explicit: window.pads}
