"""The ops that one INT8 kernel takes in: an anchor (conv or matmul) and what follows it.

y = Conv2D(x, filter) | DepthwiseConv2dNative(x, filter) | MatMul(x, filter)
y = BiasAdd(y, bias) | Add(y, bias)            optional, either operand order
y = Add(y, summand) | AddV2 | AddN             optional, either operand order, Conv2D only
y = Relu(y) | Relu6(y)                         optional; after MatMul LeakyRelu, Elu, Sigmoid, Tanh and Gelu, too
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from octavo.graph.graph import Graph, Node
from octavo.graph.miss import Miss
from octavo.graph.names import output_index, producer_name
from octavo.graph.tensors import Array, const_value
from octavo.int8.activations import Activation, Surroundings, single, spelled_out
from octavo.int8.corrections import constant_vector

CONVS = frozenset({"Conv2D", "DepthwiseConv2dNative"})
MATMULS = frozenset({"MatMul"})
ANCHORS = CONVS | MATMULS
ADDS = frozenset({"Add", "AddV2", "AddN"})
ACTIVATIONS = {
    "Conv2D": frozenset({"Relu", "Relu6"}),
    "DepthwiseConv2dNative": frozenset({"Relu", "Relu6"}),
    "MatMul": frozenset({"Relu", "Relu6", "LeakyRelu", "Elu", "Sigmoid", "Tanh"}),
}
"""The activations that the kernel of each anchor can compute."""


@dataclass(frozen=True, slots=True)
class Chain:
    """An anchor and the ops behind it that its kernel can take in; `stopped` says why it ends where it does."""

    anchor: Node
    bias_add: Node | None = None
    bias: Array | None = None
    total: Node | None = None
    summand: str | None = None
    activation: Activation | None = None
    stopped: str = ""

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes, from the anchor to the root."""
        parts = (self.anchor, self.bias_add, self.total)
        return (*(node for node in parts if node is not None), *(self.activation.nodes if self.activation else ()))

    @property
    def ops(self) -> tuple[str, ...]:
        """The op types, from the anchor to the activation, which is one however many nodes spell it out."""
        parts = (self.anchor, self.bias_add, self.total)
        return (*(node.op for node in parts if node is not None), *([self.activation.kind] if self.activation else ()))

    @property
    def control_inputs(self) -> tuple[str, ...]:
        """The control edges into its nodes."""
        return tuple(edge for node in self.nodes for edge in node.control_inputs)

    @property
    def root(self) -> Node:
        """The last node: its output is the kernel's."""
        return self.nodes[-1]


def climb(graph: Graph, anchor: Node, *, sums: bool = True) -> Chain:
    """Follow the chain from its anchor; every node but the last must be read by the next one alone.

    Args:
        graph: the graph around it.
        anchor: a node of one of the ANCHORS types.
        sums: whether an Add with another branch may be taken in.
    """
    chain = Chain(anchor)
    around = Surroundings(graph.nodes, graph.consumers.__getitem__, graph.output_names)
    while True:
        if anchor.op == "MatMul" and chain.activation is None and (gelu := spelled_out(around, chain.root)):
            chain = replace(chain, activation=gelu)
        try:
            user = _only_user(graph, chain.root)
        except Miss as miss:
            return replace(chain, stopped=miss.reason)
        longer = _extend(graph, chain, user, sums=sums)
        if longer is None:
            return replace(chain, stopped=f"{user.op} {user.name!r} follows")
        chain = longer


def const_behind(graph: Graph, tensor: str) -> Node | None:
    """The Const that a tensor is, directly or behind Identity nodes; None when it is not one."""
    node = graph.nodes[producer_name(tensor)]
    while node.op == "Identity" and node.data_inputs:
        node = graph.nodes[producer_name(node.data_inputs[0])]
    return node if node.op == "Const" else None


def channels_of(anchor: Node, filter_shape: tuple[int, ...]) -> int:
    """How many output channels an anchor with a filter of that shape has."""
    if anchor.op == "DepthwiseConv2dNative":
        return filter_shape[2] * filter_shape[3]
    if anchor.op == "MatMul":
        return filter_shape[0] if anchor.flag("transpose_b") else filter_shape[1]
    return filter_shape[3]


def _only_user(graph: Graph, node: Node) -> Node:
    """The one node that reads a node, once, as data. Raises Miss where there is no such."""
    users = graph.consumers[node.name]
    if node.name in graph.output_names:
        raise Miss(f"{node.op} {node.name!r} is a graph output", at=node.name)
    if not users:
        raise Miss(f"nothing reads {node.name!r}", at=node.name)
    if len(users) > 1:
        names = ", ".join(user.name for user in users)
        raise Miss(f"{node.op} {node.name!r} feeds {len(users)} nodes ({names})", at=node.name)
    [user] = users
    reads = [t for t in user.inputs if producer_name(t) == node.name]
    if reads != [node.name]:
        raise Miss(f"{user.op} {user.name!r} reads {node.name!r} {len(reads)} times or as a control edge", at=user.name)
    return user


def _extend(graph: Graph, chain: Chain, user: Node, *, sums: bool) -> Chain | None:
    if chain.activation is not None:
        return None
    if user.op in ACTIVATIONS[chain.anchor.op]:
        return replace(chain, activation=single(user))
    if chain.total is not None or user.op not in ADDS | {"BiasAdd"} or len(user.data_inputs) != 2:
        return None
    other = next(t for t in user.data_inputs if t != chain.root.name)
    bias = None if chain.bias_add is not None else _bias(graph, chain.anchor, user, other)
    if bias is not None:
        return replace(chain, bias_add=user, bias=bias)
    if sums and user.op in ADDS and chain.anchor.op == "Conv2D" and const_behind(graph, other) is None:
        return replace(chain, total=user, summand=other)
    return None


def _bias(graph: Graph, anchor: Node, user: Node, other: str) -> Array | None:
    """The bias as float32 [channels], when `other` is a Const that adds one number to each output channel."""
    value = constant_vector(graph, other)
    weights = _filter_shape(graph, anchor)
    if value is None or weights is None or output_index(other) != 0:
        return None
    if user.op == "BiasAdd" and user.text("data_format", "NHWC") == "NCHW":
        return None
    channels = channels_of(anchor, weights)
    if value.shape[:-1] != (1,) * (value.ndim - 1) or value.shape[-1:] not in {(channels,), (1,), ()}:
        return None
    if value.ndim > (2 if anchor.op == "MatMul" else 4):
        return None
    return np.array(np.broadcast_to(value.reshape(-1), (channels,)), np.float32)


def _filter_shape(graph: Graph, anchor: Node) -> tuple[int, ...] | None:
    """The filter's shape: of a Const, or of the Const that a Dequantize (and a Reshape) reads."""
    node = graph.nodes[producer_name(anchor.data_inputs[1])]
    if node.op == "Reshape":
        target = const_behind(graph, node.data_inputs[1])
        return None if target is None else tuple(int(n) for n in const_value(target))
    if node.op == "Dequantize":
        node = graph.nodes[producer_name(node.data_inputs[0])]
    const = const_behind(graph, node.name)
    if const is None:
        return None
    return const.tensor("value").sizes
