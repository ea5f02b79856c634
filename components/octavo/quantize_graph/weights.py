"""Weights as qint8 constants with a Dequantize behind them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from octavo.graph.graph import Graph, Node
from octavo.graph.tensors import const_node, const_value
from octavo.int8.chain import Chain, const_behind
from octavo.int8.encoding import quantize_weights
from octavo.int8.ops import dequantize


def quantized_filters(
    graph: Graph, chains: Mapping[str, Chain], *, per_channel: bool
) -> tuple[dict[str, str], list[Node]]:
    """Quantize the weights of every chain, each Const once for each way it is read.

    Returns:
        Anchor name -> the tensor of its dequantized weights, and the nodes to add.
    """
    tensors: dict[str, str] = {}
    nodes: list[Node] = []
    made: dict[tuple[str, int], str] = {}
    for name, chain in chains.items():
        const = const_behind(graph, chain.anchor.data_inputs[1])
        assert const is not None
        axis = channel_axis(chain.anchor)
        if (const.name, axis) not in made:
            stem = f"{const.name}_axis{axis}" if any(key[0] == const.name for key in made) else const.name
            made[const.name, axis] = f"{stem}_dequantize"
            nodes += _quantized(stem, const_value(const), axis, per_channel=per_channel)
        tensors[name] = made[const.name, axis]
    return tensors, nodes


def channel_axis(anchor: Node) -> int:
    """The filter's output-channel axis: 3 of HWIO, 2 of HWC1, 1 of [in, out] (0 when transposed)."""
    if anchor.op == "MatMul":
        return 0 if anchor.attrs["transpose_b"].b else 1
    return 2 if anchor.op == "DepthwiseConv2dNative" else 3


def _quantized(stem: str, weights: np.ndarray, axis: int, *, per_channel: bool) -> list[Node]:
    quantized = quantize_weights(weights, (axis,), per_channel=per_channel)
    codes, low, high = f"{stem}_qint8_const", f"{stem}_min", f"{stem}_max"
    return [
        const_node(codes, quantized.codes, "qint8"),
        const_node(low, -quantized.high),
        const_node(high, quantized.high),
        dequantize(f"{stem}_dequantize", codes, low, high, dtype="qint8", axis=axis if per_channel else -1),
    ]
