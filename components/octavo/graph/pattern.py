"""Patterns are data; a match starts at the anchor, the op users ask about, and walks outwards from it.

    y = op("Conv2D", Value("x"), Const("filter"), name="conv")
    y = op("BiasAdd", y, Const("bias"), name="bias_add", optional=True)
    y = op("Relu|Relu6", y, name="activation")

With "conv" as its anchor, this pattern binds the conv's inputs upwards, then climbs the *spine* from the
anchor down to the root, the activation. What the spine's ops compute may be read by the next of them alone,
since an edit replaces them. A match that fails raises a Miss that says where and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from octavo.graph.graph import Node
from octavo.graph.miss import Miss
from octavo.graph.names import output_index, producer_name
from octavo.graph.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Value:
    """Any tensor, bound to `name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Const:
    """A Const node, bound to `name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Op:
    """A node of one of some types, bound to `name`; made by `op`."""

    name: str
    types: frozenset[str]
    inputs: tuple[Pattern, ...] = ()
    optional: bool = False
    any_order: bool = False


Pattern = Op | Value | Const


def op(types: str, *inputs: Pattern, name: str, optional: bool = False, any_order: bool = False) -> Op:
    """A pattern of one node.

    Args:
        types: op types, "Add|AddV2"; "*" is any.
        inputs: what its data inputs match, in order; further data inputs are not looked at.
        name: what the node is bound to.
        optional: the node may be absent; its first input then stands in its place.
        any_order: the first two inputs may come in either order.
    """
    return Op(name, frozenset(types.split("|")), inputs, optional, any_order)


def spine_of(pattern: Op, anchor: str) -> tuple[Op, ...]:
    """The ops from the anchor to the root, the pattern itself.

    Raises:
        ValueError: when no op of the pattern has the anchor's name.
    """
    if pattern.name == anchor:
        return (pattern,)
    for child in pattern.inputs:
        if isinstance(child, Op):
            try:
                return (*spine_of(child, anchor), pattern)
            except ValueError:
                continue
    raise ValueError(f"the anchor {anchor!r} is no op of the pattern {pattern.name!r}")


@dataclass(slots=True)
class Match:
    """What a pattern bound: `match["conv"]` is a node, `match.tensors["x"]` a tensor."""

    graph: Workspace
    anchor: Node
    nodes: dict[str, Node] = field(default_factory=dict)
    tensors: dict[str, str] = field(default_factory=dict)
    spine: tuple[str, ...] = ()
    """The names of the nodes from the anchor to the root: what an edit replaces."""

    def __contains__(self, name: str) -> bool:
        return name in self.nodes

    def __getitem__(self, name: str) -> Node:
        return self.nodes[name]

    @property
    def root(self) -> Node:
        """The last node of the spine: what the match computes."""
        return self.graph.nodes[self.spine[-1]]

    @property
    def control_inputs(self) -> tuple[str, ...]:
        """The control edges into the spine, each once: a replacement keeps them."""
        edges = (t for name in self.spine for t in self.graph.nodes[name].control_inputs)
        return tuple(dict.fromkeys(edges))


def match_at(graph: Workspace, spine: Sequence[Op], node: Node) -> Match:
    """Bind a pattern, given by its spine, with its anchor at `node`.

    Raises:
        Miss: saying where the match stopped.
    """
    found = Match(graph, node)
    try:
        _bind_spine(found, spine, node)
        _refuse_own_results(found)
    except Miss as miss:
        miss.bound = len(found.nodes)
        raise
    return found


def only_reader(graph: Workspace, node: Node) -> Node:
    """The one node that reads a node's output 0, once.

    Raises:
        Miss: when the node is a graph output, nothing reads it, or more than that one edge leaves it.
    """
    if node.name in graph.output_names:
        raise Miss(f"{node.op} is a graph output, which must stay", at=node.name)
    readers = graph.readers(node.name)
    if not readers:
        raise Miss(f"nothing reads {node.op}", at=node.name)
    if len(readers) > 1:
        names = ", ".join(sorted(reader.name for reader in readers))
        raise Miss(f"{node.op} feeds {len(readers)} nodes ({names}); wanted one", at=node.name)
    edges = [t for t in readers[0].inputs if producer_name(t) == node.name]
    if edges != [node.name]:
        raise Miss(
            f"{readers[0].op} {readers[0].name!r} reads {', '.join(edges)}; wanted {node.name} once",
            at=node.name,
        )
    return readers[0]


def _bind_spine(found: Match, spine: Sequence[Op], node: Node) -> None:
    _bind_op(found, spine[0], node)
    names = [node.name]
    for below, wanted in pairwise(spine):
        try:
            reader = only_reader(found.graph, node)
            _expect(wanted, reader, f" after {node.op}")
        except Miss:
            if wanted.optional:
                continue
            raise
        _bind_op(found, wanted, reader, climbed=(below, node.name))
        names.append(reader.name)
        node = reader
    found.spine = tuple(names)


def _expect(wanted: Op, node: Node, where: str = "") -> None:
    if node.op not in wanted.types and "*" not in wanted.types:
        types = " or ".join(sorted(wanted.types))
        raise Miss(f"expected {types}{where}, found {node.op} {node.name!r}", at=node.name)


def _bind_op(found: Match, wanted: Op, node: Node, climbed: tuple[Op, str] | None = None) -> None:
    """Bind a node and what its inputs match; `climbed` is the side the match came from, bound already."""
    _expect(wanted, node)
    found.nodes[wanted.name] = node
    tensors = list(node.data_inputs)
    if len(tensors) < len(wanted.inputs):
        raise Miss(f"{node.op} has {len(tensors)} inputs, wanted {len(wanted.inputs)}", at=node.name)
    if wanted.any_order and not _fits(found, wanted.inputs, tensors, climbed):
        tensors[:2] = reversed(tensors[:2])
    for tensor, child in zip(tensors, wanted.inputs, strict=False):
        if climbed is None or child is not climbed[0]:
            _bind(found, child, tensor, node)
        elif tensor != climbed[1]:
            raise Miss(f"{node.op} reads {climbed[1]!r} in another place", at=node.name)


def _fits(found: Match, patterns: Sequence[Pattern], tensors: Sequence[str], climbed: tuple[Op, str] | None) -> bool:
    """Whether the first two inputs match in the order they stand, as far as their producers tell."""
    return all(_may_match(found, p, t, climbed) for p, t in zip(patterns[:2], tensors[:2], strict=False))


def _may_match(found: Match, pattern: Pattern, tensor: str, climbed: tuple[Op, str] | None) -> bool:
    producer = found.graph.producer(tensor)
    match pattern:
        case Op() if climbed is not None and pattern is climbed[0]:
            return tensor == climbed[1]
        case Op():
            return pattern.optional or producer.op in pattern.types or "*" in pattern.types
        case Const():
            return producer.op == "Const"
        case _:
            return True


def _bind(found: Match, wanted: Pattern, tensor: str, reader: Node) -> None:
    producer = found.graph.producer(tensor)
    match wanted:
        case Value(name):
            found.tensors[name] = tensor
        case Const(name):
            if producer.op != "Const":
                raise Miss(f"{name} of {reader.op} is the {producer.op} {producer.name!r}, wanted a Const", at=tensor)
            found.nodes[name] = producer
        case Op() if wanted.optional and not wanted.types & {producer.op, "*"}:
            _bind(found, wanted.inputs[0], tensor, reader)
        case Op():
            if output_index(tensor) != 0:
                raise Miss(f"{reader.op} reads output {output_index(tensor)} of {producer.op}, wanted 0", at=tensor)
            _bind_op(found, wanted, producer)


def _refuse_own_results(found: Match) -> None:
    """AddV2(b, b): the summand is a node that the edit would drop."""
    spine = set(found.spine)
    for name, tensor in found.tensors.items():
        if producer_name(tensor) in spine:
            raise Miss(f"{name} is computed by the chain itself", at=producer_name(tensor))
