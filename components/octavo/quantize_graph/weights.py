"""Weights as qint8 constants with a Dequantize behind them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import chain as chain_of
from itertools import count

import numpy as np

from octavo.graph.graph import Graph, Node
from octavo.graph.tensors import const_node, const_value
from octavo.int8.chain import Chain, const_behind
from octavo.int8.encoding import quantize_weights
from octavo.int8.node_names import DEQUANTIZED, ROUNDING_ERROR, WEIGHTS
from octavo.int8.ops import dequantize
from octavo.recipe import Calibration


@dataclass(frozen=True, slots=True)
class Filter:
    """The tensors that stand for an anchor's weights: dequantized, and what rounding took from them."""

    tensor: str
    error: str


def quantized_filters(
    graph: Graph, chains: Mapping[str, Chain], per_channel: Collection[str], calibration: Calibration
) -> tuple[dict[str, Filter], list[Node]]:
    """Quantize the weights of every chain, each Const once for each way it is read.

    Args:
        graph: the float graph.
        chains: anchor name -> its chain.
        per_channel: the anchors with one scale for each output channel; the others have one for the whole tensor.
        calibration: how the weights' ranges are taken.

    Returns:
        Anchor name -> its filter, and the nodes to add.
    """
    filters: dict[str, Filter] = {}
    nodes: list[Node] = []
    made: dict[tuple[str, int], Filter] = {}  # (Const, its channel axis or -1 for one scale) -> its filter
    taken = set(graph.nodes)
    for name, chain in chains.items():
        const = const_behind(graph, chain.anchor.data_inputs[1])
        assert const is not None
        axis = channel_axis(chain.anchor) if name in per_channel else -1
        if (const.name, axis) not in made:
            stem = _free_stem(const.name, f"_axis{axis}" if axis >= 0 else "_whole", taken)
            made[const.name, axis] = Filter(stem + DEQUANTIZED, stem + ROUNDING_ERROR)
            nodes += _quantized(stem, const_value(const), axis, calibration)
            taken.update(node.name for node in nodes[-len(WEIGHTS) :])
        filters[name] = made[const.name, axis]
    return filters, nodes


def channel_axis(anchor: Node) -> int:
    """The filter's output-channel axis: 3 of HWIO, 2 of HWC1, 1 of [in, out] (0 when transposed)."""
    if anchor.op == "MatMul":
        return 0 if anchor.flag("transpose_b") else 1
    return 2 if anchor.op == "DepthwiseConv2dNative" else 3


def _free_stem(name: str, ending: str, taken: Collection[str]) -> str:
    """What the names of a Const's nodes begin with: its name, with an ending where some of those names are taken."""
    stems = chain_of((name, name + ending), (f"{name}{ending}_{number}" for number in count(1)))
    return next(stem for stem in stems if not any(stem + end in taken for end in WEIGHTS))


def _quantized(stem: str, weights: np.ndarray, axis: int, calibration: Calibration) -> list[Node]:
    per_channel = axis >= 0
    quantized = quantize_weights(
        weights,
        (axis,),
        per_channel=per_channel,
        algorithm=calibration.weights,
        percentile=calibration.percentile,
    )
    shape = [-1 if a == axis else 1 for a in range(weights.ndim)] if per_channel else ()
    error = weights - quantized.codes * quantized.scale.reshape(shape)
    codes, low, high, rounding_error, dequantized = (stem + ending for ending in WEIGHTS)
    return [
        const_node(codes, quantized.codes, "qint8"),
        const_node(low, -quantized.high),
        const_node(high, quantized.high),
        const_node(rounding_error, error.astype(np.float32)),
        dequantize(dequantized, codes, low, high, dtype="qint8", axis=axis),
    ]
