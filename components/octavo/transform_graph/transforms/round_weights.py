"""Round large float Consts to few distinct values, so that the file compresses well.

    round_weights(num_steps=2)

Before:
    w = Const() value=float32<4,4>[0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 4]
    small = Const() value=float32<3>[0, 1, 2]
After:
    w = Const() value=float32<4,4>[1, 1, 3, 3, 3, 1, 1, 3, 3, 3, 1, 1, 3, 3, 3, 3]
    small = Const() value=float32<3>[0, 1, 2]

With width = (max - min) / num_steps, a value x becomes the middle of its bucket,
min + width * (floor((x - min) / width) + 0.5). Consts of fewer than 16 elements, of another type than float32, with NaN
or infinity, or with no more distinct values than num_steps, stay. Unlike in the original, the largest value falls into
the last bucket rather than beyond it, and the largest of only negative values counts as they are.
"""

from __future__ import annotations

import numpy as np

from octavo.errors import SpecError
from octavo.graph import Graph, Node, const_node, const_value
from octavo.graph.tensors import Array, const_dtype

SMALLEST = 16
"""Elements of the smallest Const that is rounded."""


def round_weights(graph: Graph, *, num_steps: int = 256) -> Graph:
    """Round large float Consts to few distinct values.

    Args:
        graph: the graph; a Const that the caller feeds stays.
        num_steps: how many distinct values a Const may hold afterwards; at least 1.

    Raises:
        SpecError: when that is less than 1.
    """
    if num_steps < 1:
        raise SpecError(f"round_weights: num_steps is {num_steps}; wanted 1 or more")
    nodes = graph.nodes.values()
    return graph.with_nodes(node if node.name in graph.input_names else _rounded(node, num_steps) for node in nodes)


def _rounded(node: Node, steps: int) -> Node:
    if node.op != "Const" or const_dtype(node) != "float32":
        return node
    value = const_value(node)
    if value.size < SMALLEST or not np.isfinite(value).all() or np.unique(value).size <= steps:
        return node
    return node.with_attrs(value=const_node("", _middles(value, steps)).attrs["value"])


def _middles(value: Array, steps: int) -> Array:
    """float32 of any shape, with at least two distinct values -> the middles of their buckets, float32."""
    low, high = float(value.min()), float(value.max())
    width = (high - low) / steps
    buckets = np.minimum(np.floor((value.astype(np.float64) - low) / width), steps - 1)
    return (low + width * (buckets + 0.5)).astype(np.float32)
