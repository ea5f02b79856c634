"""Modes `weights` and `weights_rounded`: only constants change, the arithmetic stays float.

weights:          W = Dequantize(W_quint8_const, W_min, W_max), a quarter of the bytes
weights_rounded:  W = Const of at most 2^bitdepth different numbers, which compresses well
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from octavo.documents.decisions import Decision, stays_fp32
from octavo.errors import SpecError
from octavo.generic_eightbit.codes import check_values, quantized_const
from octavo.graph.graph import Graph, Node
from octavo.graph.library import function_nodes
from octavo.graph.miss import Miss
from octavo.graph.quantized import with_made
from octavo.graph.tensors import Array, const_node, const_value
from octavo.int8.functions import in_function

MAX_BITDEPTH = 24
"""float32 has 24 bits of precision."""


def quantize_weights(graph: Graph) -> tuple[Graph, list[Decision]]:
    """Store every float32 Const in eight bits, with a Dequantize behind it; each number is off by half a step at most.

    Returns:
        The graph without what its outputs do not need, and a verdict for each float32 Const.
    """
    made, left = _on_constants(graph, lambda node, values: quantized_const(node, values, "MIN_COMBINED"))
    skipped = {decision.name for decision in left}
    stored = [n for n in graph.without_dead_nodes().nodes.values() if _is_float(n) and n.name not in skipped]
    return made, [Decision(n.name, n.op, "INT8", rule="weights") for n in stored] + left


def round_weights(graph: Graph, bitdepth: int) -> tuple[Graph, list[Decision]]:
    """Round every float32 Const to 2^bitdepth numbers, the centres of as many equal buckets.

    Returns:
        The graph without what its outputs do not need, and a verdict for each float32 Const that is left as it was.

    Raises:
        SpecError: when the bit depth is not in 0..24.
    """
    if not 0 <= bitdepth <= MAX_BITDEPTH:
        raise SpecError(f"--bitdepth is {bitdepth}; wanted 0 to {MAX_BITDEPTH}, the bits of a float32's precision")

    def rounded(node: Node, values: Array) -> list[Node]:
        made = const_node(node.name, quantize_array(values, 1 << bitdepth))
        return [replace(node, attrs={**node.attrs, **made.attrs})]

    return _on_constants(graph, rounded)


def quantize_array(values: Array, buckets: int) -> Array:
    """An array with each number replaced by the centre of its bucket; a constant array stays as it is.

    width = (max - min) / buckets; index = min(floor((x - min) / width), buckets - 1); x' = min + width * (index + 0.5)

    Args:
        values: any shape, all finite.
        buckets: how many, of equal width between the least and the greatest number.

    Returns:
        An array of the same shape and dtype; each number is off by width / 2 at most.

    Raises:
        SpecError: when there is less than one bucket, or the array is empty.
    """
    if buckets < 1:
        raise SpecError(f"an array cannot be rounded to {buckets} buckets; wanted at least 1")
    if not values.size:
        raise SpecError("an empty array cannot be rounded")
    exact = np.asarray(values, np.float64)
    low, high = float(exact.min()), float(exact.max())
    if low == high:
        return values
    width = (high - low) / buckets
    index = np.minimum(np.floor((exact - low) / width), buckets - 1)
    return (low + width * (index + 0.5)).astype(values.dtype)


def _on_constants(graph: Graph, change: Callable[[Node, Array], Iterable[Node]]) -> tuple[Graph, list[Decision]]:
    """The graph with its float32 Consts changed, and why some are not."""
    graph = graph.without_dead_nodes()
    nodes: list[Node] = []
    left: list[Decision] = []
    for node in graph.nodes.values():
        if not _is_float(node):
            nodes.append(node)
            continue
        values = const_value(node)
        try:
            check_values(values, node)
        except Miss as miss:
            nodes.append(node)
            left.append(stays_fp32(node, miss))
        else:
            nodes += change(node, values)
    return with_made(graph, nodes), left + _in_functions(graph)


def _is_float(node: Node) -> bool:
    return node.op == "Const" and node.dtype("dtype") == "float32"


def _in_functions(graph: Graph) -> list[Decision]:
    """The verdicts on constants inside the function library, which stay as they are."""
    return [in_function(function, node) for function, node in function_nodes(graph) if _is_float(node)]
