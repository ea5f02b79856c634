"""Lower a graph with frozen ranges to the INT8 kernels of TensorFlow's CPU build."""

from __future__ import annotations

from typing import cast

from octavo.errors import SpecError
from octavo.graph.graph import Graph
from octavo.graph.rewrite import Outcome
from octavo.recipe import Target


def fuse_quantized_conv_and_requantize(graph: Graph, *, target: str = "", bias: str = "float32") -> Outcome:
    """Lower each quantized op whose range is a constant to one INT8 kernel, bias, sum, Relu and requantization inside.

    Works on the graphs that quantize_graph writes, after freeze_requantization_ranges, and on those that Intel's tool
    of that name wrote. A range that is not frozen leaves its op as it is: float arithmetic between QuantizeV2 and
    Dequantize, or one of Intel's kernels with 32-bit results, which is right but not fast.

    In Intel's graphs each conv takes the place of the Requantize behind it, under that one's name and its own type with
    AndRequantize. Beyond the original, QuantizedConv2DPerChannel and the depthwise convs without a Relu are fused too,
    for which TensorFlow has newer ops only; a conv without a Relu gives qint8 of a symmetric range, whatever type its
    Requantize had. A signed summand is made unsigned: the conv that makes it adds a constant, which the bias of the one
    that reads it takes away. (The original emits an op for signed summands that cuts everything above half the range
    off.) A summand that others may still read is copied first. Biases stay float32 unless `bias` says otherwise, and
    they are rounded to the nearest step, where the original cuts them off.

    Args:
        graph: the dynamic-range graph, its ranges frozen.
        target: "fused" for `_FusedQuantizedConv2D` and its kin, "public" for the ops under Intel's names; where left
            out, Intel's graphs keep Intel's names.
        bias: "float32", or "qint32" for the convs' biases as whole numbers, in steps of 255 or 127 as the input's
            type has it; where the range of the input is measured as the graph runs, or others read the bias, it stays
            float32, and that is logged.

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
    from octavo.int8.left_float import by_float_op, left_float
    from octavo.int8.lowering import lower
    from octavo.intel_graphs.requantized import fuse_convs
    from octavo.intel_graphs.runnable import runnable

    if target not in {"", "fused", "public"}:
        raise SpecError(f"fuse_quantized_conv_and_requantize: target is {target!r}; wanted 'fused' or 'public'")
    if bias not in {"float32", "qint32"}:
        raise SpecError(f"fuse_quantized_conv_and_requantize: bias is {bias!r}; wanted 'float32' or 'qint32'")
    fused = fuse_convs(graph, target=cast("Target", target or "public"))
    qdq = runnable(fused.graph)
    lowered = lower(qdq, target=cast("Target", target or "fused"))
    outcome = fused.then(Outcome(lowered.graph, missed=left_float(qdq, lowered)))
    if bias == "qint32":
        biased = with_integer_biases(lowered.graph)
        outcome = outcome.then(Outcome(biased.graph, missed=by_float_op(qdq, biased.missed)))
    return outcome
