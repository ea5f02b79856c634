"""Pointwise convs whose output is needed in float alone, written as a MatMul of pixels and filter.

    y = relu(conv(x, w) + b)      becomes      y = reshape(relu(reshape(x, [-1, in]) @ w + b), [-1, height, width, out])

TensorFlow's INT8 conv kernels write eight bits, so that a conv at the end of the network is followed by a Dequantize.
Its INT8 matmul kernel writes float32 itself: one pass over the output less, and no rounding of it. Both multiply the
same numbers. This is for convs of 1 x 1 taps and stride 1, with a filter of their own and a bias or an activation, on
images of a known size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from octavo.graph.attrs import DType
from octavo.graph.graph import Graph, Node
from octavo.graph.sort import execution_order
from octavo.graph.tensors import Array, const_node, const_value
from octavo.graph.workspace import Edit, Workspace
from octavo.int8.chain import Chain, const_behind
from octavo.quantize_graph.carriers import carried_inputs
from octavo.quantize_graph.plan import Plan
from octavo.runtime.shapes import static_shapes

NOTE = "its output is needed in float alone, which the matmul kernel writes without rounding it"


def float_ends(graph: Graph, plan: Plan) -> tuple[Graph, dict[str, str]]:
    """Write such convs as MatMul.

    Args:
        graph: a float graph.
        plan: what becomes INT8 in it.

    Returns:
        The graph, which computes the same, and a note for each conv: name -> what became of it. The MatMul has its
        name.

    Raises:
        GraphError: when TensorFlow cannot load the graph.
    """
    found = {chain.anchor.name: (chain, weights) for chain, weights in _pointwise(graph, plan)}
    shapes = static_shapes(graph, {c.anchor.data_inputs[0] for c, _ in found.values()}) if found else {}
    space = Workspace(graph)
    notes: dict[str, str] = {}
    for name, (chain, weights) in found.items():
        shape = shapes[chain.anchor.data_inputs[0]]
        if shape is not None and None not in shape[1:]:
            _flatten(space, chain, weights, [int(size or 0) for size in shape[1:3]])
            notes[name] = NOTE
    if not notes:
        return graph, notes
    flat = space.graph()
    return replace(flat, nodes={node.name: node for node in execution_order(flat)}), notes


def _pointwise(graph: Graph, plan: Plan) -> Iterator[tuple[Chain, Array]]:
    """The chains of such convs, each with its filter as float32 [channels in, channels out]."""
    read = {t for node in plan.carriers.values() for t in carried_inputs(node)}
    read |= {node.data_inputs[0] for node in plan.averages.values()}
    read |= {t for c in plan.chains.values() for t in (c.anchor.data_inputs[0], c.summand) if t is not None}
    for chain in plan.chains.values():
        conv = chain.anchor
        if conv.op != "Conv2D" or chain.root.name in read or chain.root is conv or chain.total is not None:
            continue
        const = const_behind(graph, conv.data_inputs[1])
        strides, padding = conv.integers("strides"), conv.text("padding")
        if const is None or len(graph.consumers[const.name]) > 1 or set(strides) != {1} or padding == "EXPLICIT":
            continue
        weights = const_value(const)
        if weights.shape[:2] == (1, 1):
            yield chain, weights[0, 0]


def _flatten(space: Workspace, chain: Chain, weights: Array, size: list[int]) -> None:
    """Make the edit; `size` is the height and width of the image."""
    conv, root = chain.anchor, chain.root
    source = space.nodes[conv.name].data_inputs[0]  # as an earlier edit may have renamed it
    rows, matrix, image = (space.fresh_name(f"{conv.name}/{part}") for part in ("rows", "matrix", "image"))
    shape, product = space.fresh_name(f"{rows}/shape"), space.fresh_name(f"{root.name}/rows")
    flags = {"T": DType("float32"), "transpose_a": False, "transpose_b": False}
    added = [
        const_node(shape, np.array([-1, weights.shape[0]], np.int32)),
        _reshape(rows, source, shape),
        const_node(matrix, weights, "float32"),
        Node(conv.name, "MatMul", (rows, matrix, *conv.control_inputs), flags, conv.device),
        *_behind(space, chain, product),
        const_node(image, np.array([-1, *size, weights.shape[1]], np.int32)),
        _reshape(root.name, product, image),
    ]
    space.apply(Edit(frozenset(node.name for node in chain.nodes), tuple(added)))


def _behind(space: Workspace, chain: Chain, product: str) -> list[Node]:
    """The bias add and the activation, the last one named `product`; a bias of four dimensions becomes a vector."""
    made: list[Node] = []
    for node in chain.nodes[1:]:
        kept = replace(node, name=product if node is chain.root else node.name)
        if node is chain.bias_add and node.op != "BiasAdd":
            assert chain.bias is not None
            vector = const_node(space.fresh_name(f"{node.name}/vector"), chain.bias)
            made.append(vector)
            kept = replace(kept, inputs=(chain.anchor.name, vector.name, *node.control_inputs))
        made.append(kept)
    return made


def _reshape(name: str, tensor: str, shape: str) -> Node:
    return Node(name, "Reshape", (tensor, shape), {"T": DType("float32"), "Tshape": DType("int32")})
