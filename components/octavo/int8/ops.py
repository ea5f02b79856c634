"""Node builders for the quantized ops of stock TensorFlow, with the attributes that were measured to be right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from octavo.graph.attrs import (
    bool_attr,
    dtype_attr,
    dtype_list_attr,
    float_attr,
    int_attr,
    int_list_attr,
    string_attr,
    string_list_attr,
)
from octavo.graph.graph import Node

Mode = Literal["SCALED", "MIN_FIRST"]


def quantize_v2(name: str, tensor: str, low: str, high: str, *, dtype: str, mode: Mode = "SCALED") -> Node:
    """QuantizeV2 of a float tensor. Signed SCALED codes need the narrow range: the kernels' scale is 127, not 128."""
    attrs = {
        "T": dtype_attr(dtype),
        "mode": string_attr(mode),
        "round_mode": string_attr("HALF_TO_EVEN" if mode == "SCALED" else "HALF_AWAY_FROM_ZERO"),
        "narrow_range": bool_attr(dtype == "qint8"),
        "axis": int_attr(-1),
        "ensure_minimum_range": float_attr(0.0),
    }
    return Node(name, "QuantizeV2", (tensor, low, high), attrs)


def dequantize(
    name: str, codes: str, low: str, high: str, *, dtype: str, mode: Mode = "SCALED", axis: int = -1
) -> Node:
    """Dequantize to float; `axis` >= 0 takes one range for each channel of that axis."""
    attrs = {
        "T": dtype_attr(dtype),
        "mode": string_attr(mode),
        "narrow_range": bool_attr(dtype == "qint8"),
        "axis": int_attr(axis),
        "dtype": dtype_attr("float32"),
    }
    return Node(name, "Dequantize", (codes, low, high), attrs)


def requantization_range(name: str, codes: str) -> Node:
    """RequantizationRange of a qint32 tensor with its own range: outputs min(0, smallest) and the largest value."""
    return Node(name, "RequantizationRange", (codes, f"{codes}:1", f"{codes}:2"), {"Tinput": dtype_attr("qint32")})


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
        "Tinput": dtype_attr(data.dtype),
        "Tfilter": dtype_attr("qint8"),
        "Tbias": dtype_attr("float32"),
        "Tsummand": dtype_attr(fusion.summand.dtype if fusion.summand else fusion.dtype),
        "out_type": dtype_attr(fusion.dtype),
        "Tdevice_inputs": dtype_list_attr([kind for _, kind in device]),
        "Thost_inputs": dtype_list_attr(["float32"] * len(host)),
        "Tdevice_outputs": dtype_list_attr([fusion.dtype]),
        "Thost_outputs": dtype_list_attr(["float32", "float32"]),
        "fused_ops": string_list_attr(fusion.names),
        "is_filter_const": bool_attr(True),
        "is_bias_const": bool_attr(True),
        "data_format": string_attr("NHWC"),
        **_window_attrs(window, explicit="explicit_paddings"),
    }
    op = "_FusedQuantizedDepthwiseConv2D" if depthwise else "_FusedQuantizedConv2D"
    return Node(name, op, (*(t for t, _ in device), *host, *controls), attrs)


def window_sums(name: str, data: Codes, filters: Codes, window: Window, *, controls: tuple[str, ...]) -> Node:
    """`_FusedQuantizedDepthwiseConv2D` that hands on its 32-bit sums, and the range that 32 bits stand for."""
    attrs = {
        "Tinput": dtype_attr(data.dtype),
        "Tfilter": dtype_attr("qint8"),
        "Tbias": dtype_attr("float32"),
        "Tsummand": dtype_attr("qint32"),
        "out_type": dtype_attr("qint32"),
        "Tdevice_inputs": dtype_list_attr([data.dtype, "qint8"]),
        "Thost_inputs": dtype_list_attr(["float32"] * 4),
        "Tdevice_outputs": dtype_list_attr(["qint32"]),
        "Thost_outputs": dtype_list_attr(["float32", "float32"]),
        "fused_ops": string_list_attr(()),
        "is_filter_const": bool_attr(True),
        "data_format": string_attr("NHWC"),
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
        "Tinput": dtype_attr(data.dtype),
        "Tfilter": dtype_attr("qint8"),
        "Tbias": dtype_attr("float32"),
        "out_type": dtype_attr(fusion.dtype),
        **_window_attrs(window, explicit="padding_list"),
    }
    if summand is not None:
        inputs += [summand.tensor, summand.low, summand.high]
        attrs["Tsummand"] = dtype_attr(summand.dtype)
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
        "T1": dtype_attr(data.dtype),
        "T2": dtype_attr("qint8"),
        "Tbias": dtype_attr("float32"),
        "U": dtype_attr("float32"),
        "Tout": dtype_attr(out_type),
        "Tdevice_inputs": dtype_list_attr([data.dtype, "qint8", "float32"]),
        "Thost_inputs": dtype_list_attr(["float32"] * len(host)),
        "Tdevice_outputs": dtype_list_attr([out_type]),
        "Thost_outputs": dtype_list_attr(["float32", "float32"] if output else []),
        "transpose_a": bool_attr(False),
        "transpose_b": bool_attr(transpose_b),
        "is_weight_const": bool_attr(True),
        "is_bias_const": bool_attr(True),
        "fused_ops": string_list_attr(fused),
        "input_quant_mode": string_attr("SCALED"),
        "output_quant_mode": string_attr("SCALED"),
        "leakyrelu_alpha": float_attr(leakyrelu_alpha),
    }
    return Node(name, "_QuantizedMatMul", (data.tensor, weights.tensor, bias, *host, *controls), attrs)


def quantized_pool(name: str, op: str, data: Codes, *, ksize: tuple[int, ...], window: Window) -> Node:
    """QuantizedMaxPool or QuantizedAvgPool; the output has the input's range."""
    attrs = {
        "T": dtype_attr(data.dtype),
        "ksize": int_list_attr(ksize),
        "strides": int_list_attr(window.strides),
        "padding": string_attr(window.padding),
    }
    return Node(name, f"Quantized{op}", (data.tensor, data.low, data.high), attrs)


def quantized_concat(name: str, parts: list[Codes], axis: str) -> Node:
    """QuantizedConcatV2 of at least two parts of one dtype; it rescales them to the widest range when they differ."""
    inputs = [*(p.tensor for p in parts), axis, *(p.low for p in parts), *(p.high for p in parts)]
    attrs = {"N": int_attr(len(parts)), "T": dtype_attr(parts[0].dtype), "Tidx": dtype_attr("int32")}
    return Node(name, "QuantizedConcatV2", tuple(inputs), attrs)


def private_copy(name: str, data: Codes) -> Node:
    """A 1x1 max pool: an exact copy of 4-D codes in a buffer of its own, which a summing conv may overwrite."""
    return quantized_pool(name, "MaxPool", data, ksize=(1, 1, 1, 1), window=Window((1, 1, 1, 1), "VALID"))


def bitcast(name: str, tensor: str, *, given: str, made: str) -> Node:
    """The same bytes as numbers of another type; one that is wider takes the last axis in."""
    return Node(name, "Bitcast", (tensor,), {"T": dtype_attr(given), "type": dtype_attr(made)})


def _window_attrs(window: Window, *, explicit: str) -> dict[str, Any]:
    """Strides, dilations and padding; the newer ops spell explicit padding, the public ones add a `padding_list`."""
    attrs = {"strides": int_list_attr(window.strides), "dilations": int_list_attr(window.dilations)}
    if not window.pads:
        return {**attrs, "padding": string_attr(window.padding)}
    word = "EXPLICIT" if explicit == "explicit_paddings" else "VALID"
    return {**attrs, "padding": string_attr(word), explicit: int_list_attr(window.pads)}
