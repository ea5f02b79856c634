"""Cross-layer weight equalization: channel by channel, move a factor from a layer to the one that reads it.

    y = conv2(relu(conv1(x, w1) + b1), w2)  =  conv2(relu(conv1(x, w1 / s) + b1 / s), w2 * s)

for one s > 0 for each channel between the two, since relu(s * x) = s * relu(x). With s = sqrt(max|w1| / max|w2|) over
the channel's weights, both layers spread their channels equally over the eight bits. (Nagel et al., Data-Free
Quantization Through Weight Equalization and Bias Correction, 2019, section 4.1.) s is rounded to a power of two, which
costs at most half a bit and leaves the float graph's numbers the same to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from octavo.graph.graph import Graph, Node
from octavo.graph.miss import Miss
from octavo.graph.names import producer_name
from octavo.graph.op_defs import with_default_attrs
from octavo.graph.rewrite import Outcome
from octavo.graph.sort import execution_order
from octavo.graph.tensors import Array, const_node, const_value
from octavo.int8.chain import ANCHORS, Chain, climb, const_behind

HOMOGENEOUS = frozenset({"Relu", "LeakyRelu"})
"""Activations with f(s * x) = s * f(x) for s > 0."""

MOST_ROUNDS = 100
"""Passes over all pairs; chains of pairs settle in a few."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """A layer, its bias, and the layers that read its output; all by the names of their Consts.

    `out_axis` and the readers' axes are those of the weights that number the channels between the two.
    """

    name: str
    weights: str
    out_axis: int
    bias: str | None
    readers: tuple[tuple[str, int], ...]


def equalize(graph: Graph) -> Outcome:
    """Equalize the weights of all layers that follow each other, with nothing or a Relu between them.

    Returns:
        The graph, which computes what it computed; `applied` and `missed` name the first layer of each pair of layers.
    """
    pairs: list[_Pair] = []
    missed: dict[str, list[tuple[str, Miss]]] = {}
    spelled_out = {n.name: with_default_attrs(n) if n.op in ANCHORS else n for n in graph.nodes.values()}
    whole = replace(graph, nodes=spelled_out)
    for node in execution_order(whole):
        if node.op not in ANCHORS:
            continue
        try:
            pair = _pair(whole, node)
        except Miss as miss:
            missed[node.name] = [("equalize", miss)]
        else:
            pairs += [pair] if pair else []
    names = {name for pair in pairs for name in (pair.weights, *(reader for reader, _ in pair.readers))}
    exponents = _settle(pairs, {name: np.abs(const_value(graph.nodes[name])) for name in sorted(names)})
    return Outcome(_scaled(graph, pairs, exponents), {pair.name: ["equalize"] for pair in pairs}, missed)


def _pair(graph: Graph, anchor: Node) -> _Pair | None:
    """The pair that a layer begins; None when what reads it is not layers alone."""
    chain = climb(graph, anchor, sums=False)
    root = _root(graph, chain)
    readers = graph.consumers[root.name]
    if not readers or root.name in graph.output_names or any(not _reads(r, root) for r in readers):
        return None
    if not all(_is_plain(graph, layer) for layer in (anchor, *readers)):
        return None
    if chain.activation is not None and chain.activation.kind not in HOMOGENEOUS:
        kind, name = chain.activation.kind, chain.root.name
        raise Miss(f"{kind} {name!r} does not scale with its input", at=name)
    weights = _weights(graph, anchor)
    bias = None if chain.bias_add is None else _bias(graph, chain.bias_add)
    channels = const_value(graph.nodes[weights]).shape[_out_axis(anchor)]
    taken = tuple((_weights(graph, reader), _in_axis(reader)) for reader in readers)
    if chain.anchor.op == "DepthwiseConv2dNative" and const_value(graph.nodes[weights]).shape[3] != 1:
        return None
    if any(const_value(graph.nodes[name]).shape[axis] != channels for name, axis in taken):
        return None
    return _Pair(anchor.name, weights, _out_axis(anchor), bias, taken)


def _root(graph: Graph, chain: Chain) -> Node:
    """The node whose output the next layers read: a chain's root, or an activation behind it that no kernel has."""
    users = graph.consumers[chain.root.name]
    alone = len(users) == 1 and chain.root.name not in graph.output_names and chain.activation is None
    return users[0] if alone and users[0].op in HOMOGENEOUS else chain.root


def _reads(reader: Node, root: Node) -> bool:
    """Whether a layer reads a node's output as its data."""
    reads = [t for t in reader.inputs if producer_name(t.removeprefix("^")) == root.name]
    return reader.op in ANCHORS and reads == [reader.inputs[0]]


def _is_plain(graph: Graph, layer: Node) -> bool:
    """Whether a layer has constant float32 weights, all finite, and its channels on the last axis."""
    const = const_behind(graph, layer.data_inputs[1])
    if const is None or layer.dtype("T") != "float32" or not np.all(np.isfinite(const_value(const))):
        return False
    if layer.op == "MatMul":
        return not layer.flag("transpose_a")
    return layer.text("data_format", "NHWC") == "NHWC"


def _weights(graph: Graph, layer: Node) -> str:
    const = _own_const(graph, layer.data_inputs[1])
    if const is None:
        raise Miss(f"the weights of {layer.name!r} are read by others, too", at=layer.data_inputs[1])
    return const


def _bias(graph: Graph, bias_add: Node) -> str:
    consts = [t for t in bias_add.data_inputs if const_behind(graph, t) is not None]
    const = _own_const(graph, consts[0]) if consts else None
    if const is None:
        raise Miss(f"the bias of {bias_add.name!r} is read by others, too, or is not a Const", at=bias_add.name)
    return const


def _own_const(graph: Graph, tensor: str) -> str | None:
    """The Const that a tensor is, directly or behind Identity nodes, when nothing else reads it."""
    node = graph.nodes[producer_name(tensor)]
    while len(graph.consumers[node.name]) == 1 and node.name not in graph.output_names:
        if node.op == "Const":
            return node.name
        if node.op != "Identity":
            return None
        node = graph.nodes[producer_name(node.data_inputs[0])]
    return None


def _out_axis(layer: Node) -> int:
    if layer.op == "MatMul":
        return 0 if layer.flag("transpose_b") else 1
    return 2 if layer.op == "DepthwiseConv2dNative" else 3


def _in_axis(layer: Node) -> int:
    if layer.op == "MatMul":
        return 1 if layer.flag("transpose_b") else 0
    return 2


def _settle(pairs: list[_Pair], magnitudes: dict[str, Array]) -> list[Array]:
    """The exponent of s for each pair and channel; `magnitudes` are changed along the way."""
    total = [np.zeros(magnitudes[pair.weights].shape[pair.out_axis], np.int32) for pair in pairs]
    for _ in range(MOST_ROUNDS):
        changed = False
        for index, pair in enumerate(pairs):
            step = _step(pair, magnitudes)
            if not step.any():
                continue
            changed = True
            total[index] += step
            magnitudes[pair.weights] = _times(magnitudes[pair.weights], -step, pair.out_axis)
            for reader, axis in pair.readers:
                magnitudes[reader] = _times(magnitudes[reader], step, axis)
        if not changed:
            break
    return total


def _step(pair: _Pair, magnitudes: Mapping[str, Array]) -> Array:
    """log2 of s = sqrt(r1 / r2), rounded; 0 where a channel has no weights on one side. int32 [channels]."""
    first = _largest(magnitudes[pair.weights], pair.out_axis)
    second = np.max([_largest(magnitudes[name], axis) for name, axis in pair.readers], axis=0)
    dead = (first == 0) | (second == 0)
    ratio = np.where(dead, 1.0, first) / np.where(dead, 1.0, second)
    return np.asarray(np.rint(np.log2(ratio) / 2), np.int32)


def _largest(magnitudes: Array, axis: int) -> Array:
    others = tuple(a for a in range(magnitudes.ndim) if a != axis)
    return np.asarray(magnitudes.max(axis=others), np.float64)


def _times(values: Array, exponents: Array, axis: int) -> Array:
    """Values times 2 ** exponents along one axis."""
    shape = [-1 if a == axis else 1 for a in range(values.ndim)]
    return np.asarray(np.ldexp(values, exponents.reshape(shape)), values.dtype)


def _scaled(graph: Graph, pairs: list[_Pair], exponents: list[Array]) -> Graph:
    values: dict[str, Array] = {}
    for pair, each in zip(pairs, exponents, strict=True):
        if not each.any():
            continue
        moves = [(pair.weights, pair.out_axis, -each), *((name, axis, each) for name, axis in pair.readers)]
        if pair.bias is not None:
            moves.append((pair.bias, -1, -each))
        for name, axis, exponent in moves:
            value = values.get(name, const_value(graph.nodes[name]))
            spread = value if axis >= 0 else _one_a_channel(value, len(each))
            values[name] = _times(spread, exponent, axis % spread.ndim)
    scaled = {name: replace(graph.nodes[name], attrs=const_node(name, value).attrs) for name, value in values.items()}
    return replace(graph, nodes={name: scaled.get(name, node) for name, node in graph.nodes.items()})


def _one_a_channel(bias: Array, channels: int) -> Array:
    """A bias with an element for each channel on its last axis."""
    shape = (*bias.shape[:-1], channels)
    return np.array(np.broadcast_to(bias, shape))
