"""Store large float Consts as eight-bit codes, which a Dequantize turns into floats again: a quarter of the size.

    quantize_weights(minimum_size=4)

Before:
    x = Placeholder()
    w = Const() value=float32<2,2>[-51, 0, 102, 204]
    y = MatMul(x, w)
After:
    x = Placeholder()
    w_quantized_const = Const() value=quint8<2,2>[0, 51, 153, 255]
    w_quantized_min = Const() value=float32<>[-51]
    w_quantized_max = Const() value=float32<>[204]
    w = Dequantize(w_quantized_const, w_quantized_min, w_quantized_max) T=quint8 mode="MIN_FIRST"
    y = MatMul(x, w)

The range always holds 0; each value moves by half of (max - min) / 255 at most. Consts that are smaller, of another
type than float32, or with NaN or infinity stay, and so does what a quantized op reads: it wants its weights and ranges
as they are.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from octavo.generic_eightbit.min_first import dequantize, encoded
from octavo.graph import Graph, Node, const_value
from octavo.graph.names import fresh_name
from octavo.graph.op_defs import is_quantized
from octavo.graph.tensors import const_dtype


def quantize_weights(graph: Graph, *, minimum_size: int = 1024) -> Graph:
    """Store large float Consts as eight-bit codes.

    Args:
        graph: the graph; a Const that the caller feeds stays.
        minimum_size: elements of the smallest Const to store so.
    """
    return graph.with_nodes(new for node in graph.nodes.values() for new in _quantized(graph, node, minimum_size))


def _quantized(graph: Graph, node: Node, minimum_size: int) -> Iterator[Node]:
    value = const_value(node) if _may_be_quantized(graph, node) else None
    if value is None or value.size < max(minimum_size, 1) or not np.isfinite(value).all():
        yield node
        return
    code, low, high = (fresh_name(f"{node.name}_quantized_{what}", graph.nodes) for what in ("const", "min", "max"))
    yield from encoded(node, value, names=(code, low, high))
    yield dequantize(node.name, (code, low, high), control=node.control_inputs, device=node.device)


def _may_be_quantized(graph: Graph, node: Node) -> bool:
    if node.op != "Const" or const_dtype(node) != "float32" or node.name in graph.input_names:
        return False
    return not any(is_quantized(reader.op) for reader in graph.consumers[node.name])
