"""The range of a quantized tensor where it is known without running the graph, past the ops that hand it on."""

from __future__ import annotations

from octavo.graph.graph import Graph, Node
from octavo.graph.names import producer_name
from octavo.graph.tensors import const_value
from octavo.int8.spans import constant_scalar, quantized_dtype

FUSED_CONVS = frozenset({"_FusedQuantizedConv2D", "_FusedQuantizedDepthwiseConv2D"})
PUBLIC_CONVS = ("QuantizedConv2DWithBias", "QuantizedDepthwiseConv2DWithBias")
CARRIERS = frozenset({"QuantizedMaxPool", "QuantizedAvgPool"})
"""Ops whose result has the range of their first input, given by their second and third."""


def known_magnitude(graph: Graph, low: str, high: str) -> float | None:
    """The larger magnitude of a range's two ends, by the tensors that hold them; None where it is measured.

    Args:
        graph: the graph.
        low: the tensor of the low end: a Const, or output 1 of a quantized op.
        high: the tensor of the high end: a Const, or output 2 of that op.
    """
    while graph.nodes[producer_name(low)].op != "Const":
        maker = graph.nodes[producer_name(low)]
        if (low, high) != (f"{maker.name}:1", f"{maker.name}:2"):
            return None
        if maker.op == "QuantizeV2":
            return _entry_magnitude(graph, maker)
        if (ends := _ends(maker)) is None:
            return None
        low, high = ends
    consts = [graph.nodes[producer_name(tensor)] for tensor in (low, high)]
    if any(const.op != "Const" or const_value(const).size != 1 for const in consts):
        return None
    return max(abs(float(const_value(const).reshape(()))) for const in consts)


def _ends(maker: Node) -> tuple[str, str] | None:
    """The tensors of the range that an op with a range of its own reports; None for other ops."""
    inputs = maker.data_inputs
    if maker.op in CARRIERS:
        return inputs[1], inputs[2]
    if maker.op == "Requantize":
        return inputs[3], inputs[4]
    if maker.op.startswith(PUBLIC_CONVS) and maker.op.endswith("AndRequantize"):
        return inputs[7], inputs[8]
    if maker.op in FUSED_CONVS and "Requantize" in maker.texts("fused_ops"):
        return inputs[-2], inputs[-1]
    return None


def _entry_magnitude(graph: Graph, quantize: Node) -> float | None:
    """What a QuantizeV2 in SCALED mode says that its largest code stands for.

    Unsigned codes end at the range's high end, signed ones at the larger magnitude of a narrow range; a range under
    `ensure_minimum_range` is widened.
    """
    low, high = (constant_scalar(graph, tensor) for tensor in quantize.data_inputs[1:3])
    if low is None or high is None or quantize.text("mode") != "SCALED":
        return None
    signed = quantized_dtype(quantize) == "qint8"
    least = quantize.number("ensure_minimum_range")
    if high - low < least * max(1.0, abs(low), abs(high)) or (signed and not quantize.flag("narrow_range")):
        return None
    return max(abs(low), abs(high)) if signed else high
