"""Lower a graph with frozen ranges to the INT8 kernels of TensorFlow's CPU build."""

from __future__ import annotations

from octavo.errors import SpecError
from octavo.graph.graph import Graph


def fuse_quantized_conv_and_requantize(graph: Graph, *, target: str = "fused", bias: str = "float32") -> Graph:
    """Lower each quantized op whose range is a constant to one INT8 kernel, bias, sum, Relu and requantization inside.

    Works on the graphs that quantize_graph writes, after freeze_requantization_ranges. A range that is not frozen
    leaves its op as it is: float arithmetic between QuantizeV2 and Dequantize, which is right but not fast.

    Args:
        graph: the dynamic-range graph, its ranges frozen.
        target: "fused" for `_FusedQuantizedConv2D` and its kin, "public" for the ops under Intel's names.
        bias: "float32", or "qint32" for the convs' biases as whole numbers.

    Before:
        codes = QuantizeV2(x, low, high)
        d = Dequantize(codes, codes:1, codes:2)
        c = Conv2D(d, w)
        b = BiasAdd(c, bias)
        r = Relu(b)
        q = QuantizeV2(r, r_low, r_high)
    After:
        q = _FusedQuantizedConv2D(codes, w_codes, q_bias, codes_low, codes_high, w_low, w_high, q_low, q_high)
    """
    from octavo.int8.integer_biases import with_integer_biases
    from octavo.int8.lowering import lower

    if target not in {"fused", "public"}:
        raise SpecError(f"fuse_quantized_conv_and_requantize: target is {target!r}; wanted 'fused' or 'public'")
    if bias not in {"float32", "qint32"}:
        raise SpecError(f"fuse_quantized_conv_and_requantize: bias is {bias!r}; wanted 'float32' or 'qint32'")
    lowered = lower(graph, target="public" if target == "public" else "fused").graph
    return with_integer_biases(lowered) if bias == "qint32" else lowered
