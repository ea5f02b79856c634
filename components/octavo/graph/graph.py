"""An immutable graph: nodes by name, with what the caller feeds and fetches."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from octavo.errors import GraphError
from octavo.graph.attr_proto import attr_to_text
from octavo.graph.attrs import Attrs, DType, Function, Opaque, Tensor, TensorShape, plain_of
from octavo.graph.names import canonical, is_control, producer_name
from octavo.graph.registry import default_attrs

T = TypeVar("T")

KINDS: Mapping[type, str] = {
    DType: "a dtype",
    str: "a string",
    bytes: "bytes that are no UTF-8",
    bool: "a boolean",
    int: "an integer",
    float: "a float",
    TensorShape: "a shape",
    Tensor: "a tensor",
    Function: "a function",
    tuple: "a list",
}
"""The type of an attribute's value -> what it is called."""


@dataclass(frozen=True, slots=True)
class Node:
    """One operation. `inputs` are tensor names in canonical spelling: "conv", "split:1", or "^init" for control."""

    name: str
    op: str
    inputs: tuple[str, ...] = ()
    attrs: Attrs = field(default_factory=dict)
    device: str = ""

    @property
    def data_inputs(self) -> tuple[str, ...]:
        """The inputs that carry tensors, in order."""
        return tuple(t for t in self.inputs if not is_control(t))

    @property
    def control_inputs(self) -> tuple[str, ...]:
        """The inputs that only order execution, each with its "^"."""
        return tuple(t for t in self.inputs if is_control(t))

    def with_attrs(self, **attrs: Any) -> Node:
        """The same node with some attributes replaced or added."""
        return replace(self, attrs={**self.attrs, **attrs})

    def attr(self, name: str) -> Any:
        """An attribute, or its op type's default where the node leaves it out; None when there is neither."""
        return self.attrs[name] if name in self.attrs else default_attrs(self.op).get(name)

    # What an attribute holds, by kind. Each raises GraphError when it is of another kind, or there is none and no
    # default is given.

    def dtype(self, name: str) -> str:
        """A dtype's short name, e.g. "float32"; reference types are read as their base type."""
        return self._read(name, DType).base

    def dtypes(self, name: str) -> tuple[str, ...]:
        """The short names of a list of dtypes; reference types are read as their base type."""
        return tuple(dtype.base for dtype in self._read_all(name, DType))

    def text(self, name: str, default: str | None = None) -> str:
        """A string."""
        return self._read(name, str, default)

    def texts(self, name: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of strings."""
        return self._read_all(name, str, default)

    def flag(self, name: str) -> bool:
        """True or false."""
        return self._read(name, bool)

    def integer(self, name: str) -> int:
        """An integer."""
        return self._read(name, int)

    def integers(self, name: str, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
        """A list of integers."""
        return self._read_all(name, int, default)

    def number(self, name: str) -> float:
        """A float32."""
        return float(np.float32(self._read(name, float)))

    def shape(self, name: str) -> tuple[int | None, ...] | None:
        """A shape; None for unknown rank or when nothing says it, None inside for an unknown dimension."""
        return self._read(name, TensorShape, TensorShape(unknown_rank=True)).known

    def declared_shape(self, name: str) -> TensorShape:
        """A shape as it is declared, which may not be valid."""
        return self._read(name, TensorShape)

    def declared_shapes(self, name: str, default: tuple[TensorShape, ...] | None = None) -> tuple[TensorShape, ...]:
        """A list of shapes as they are declared."""
        return self._read_all(name, TensorShape, default)

    def tensor(self, name: str) -> Tensor:
        """A tensor."""
        return self._read(name, Tensor)

    def function(self, name: str) -> str:
        """The name of a function of the library."""
        return self._read(name, Function).name

    def _read(self, name: str, kind: type[T], default: T | None = None) -> T:
        value = self.attr(name)
        if value is None and default is not None:
            return default
        if value is None:
            raise GraphError(f"{self.op} {self.name!r} lacks the attribute {name!r}")
        value = value if plain_of(value) is None else plain_of(value)
        if type(value) is not kind:
            called = f"the attribute {name!r} of {self.op} {self.name!r}"
            raise GraphError(f"{called} is {_described(value)}; wanted {KINDS[kind]}")
        return value

    def _read_all(self, name: str, kind: type[T], default: tuple[T, ...] | None = None) -> tuple[T, ...]:
        values = self._read(name, tuple, default)
        strange = next((value for value in values if type(value) is not kind), None)
        if strange is not None:
            called = f"the attribute {name!r} of {self.op} {self.name!r}"
            raise GraphError(f"{called} is a list that holds {_described(strange)}; wanted {KINDS[kind]}")
        return values


def _described(value: Any) -> str:
    """An attribute's value as an error tells it."""
    return f"unreadable ({attr_to_text(value)[:80]})" if isinstance(value, Opaque) else KINDS[type(value)]


@dataclass(frozen=True)
class Graph:
    """A GraphDef's nodes, by name and in their file's order.

    Args:
        nodes: name -> node. Inputs name other nodes of the same mapping.
        inputs: tensor names that the caller feeds ("input"); may be empty when not known.
        outputs: tensor names that the caller fetches ("softmax"); never removed or renamed by a transform.
        library: the FunctionDefLibrary message, or None.
        versions: the VersionDef message, or None.
    """

    nodes: Mapping[str, Node]
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    library: Any = None
    versions: Any = None

    @cached_property
    def consumers(self) -> Mapping[str, tuple[Node, ...]]:
        """Node name -> the nodes that read it, data or control, each once, in file order."""
        found: dict[str, list[Node]] = {name: [] for name in self.nodes}
        for node in self.nodes.values():
            for name in dict.fromkeys(producer_name(t) for t in node.inputs):
                if name in found:
                    found[name].append(node)
        return {name: tuple(users) for name, users in found.items()}

    @cached_property
    def output_names(self) -> frozenset[str]:
        """The names of the nodes that produce the graph's outputs."""
        return frozenset(producer_name(t) for t in self.outputs)

    @cached_property
    def input_names(self) -> frozenset[str]:
        """The names of the nodes that the caller feeds."""
        return frozenset(producer_name(t) for t in self.inputs)

    def producer(self, tensor: str) -> Node:
        """The node that makes `tensor`.

        Raises:
            GraphError: when no node of the graph makes it.
        """
        try:
            return self.nodes[producer_name(tensor)]
        except KeyError:
            raise GraphError(f"no node makes the tensor {tensor!r}") from None

    def with_nodes(self, nodes: Iterable[Node]) -> Graph:
        """The same graph around other nodes; their inputs must all be among them.

        Raises:
            GraphError: when a node reads one that is not there, or two nodes have one name.
        """
        by_name: dict[str, Node] = {}
        for node in nodes:
            if node.name in by_name:
                raise GraphError(f"two nodes are named {node.name!r}")
            by_name[node.name] = node
        result = replace(self, nodes=by_name)
        result.check()
        return result

    def with_ends(self, inputs: Sequence[str], outputs: Sequence[str]) -> Graph:
        """The same graph with the caller's inputs and outputs named.

        Raises:
            GraphError: when one of them is not a node of the graph; the message lists near names.
        """
        for tensor in (*inputs, *outputs):
            if producer_name(tensor) not in self.nodes:
                raise GraphError(self._unknown_name(tensor))
        return replace(self, inputs=tuple(map(canonical, inputs)), outputs=tuple(map(canonical, outputs)))

    def check(self) -> None:
        """Confirm that every input names a node of the graph and every graph output exists.

        Raises:
            GraphError: naming the node and the input that is missing.
        """
        for node in self.nodes.values():
            for tensor in node.inputs:
                if producer_name(tensor) not in self.nodes:
                    raise GraphError(f"{node.op} {node.name!r} reads {tensor!r}, which no node makes")
        for tensor in self.outputs:
            if producer_name(tensor) not in self.nodes:
                raise GraphError(self._unknown_name(tensor))

    def needed_by(self, targets: Iterable[str]) -> frozenset[str]:
        """The names of all nodes that the targets depend on, the targets' own nodes included."""
        todo = deque(producer_name(t) for t in targets)
        seen: set[str] = set()
        while todo:
            name = todo.popleft()
            if name not in seen:
                seen.add(name)
                todo.extend(producer_name(t) for t in self.nodes[name].inputs)
        return frozenset(seen)

    def fed_by(self, names: Iterable[str]) -> tuple[str, ...]:
        """The names of all nodes that depend on the named ones, data or control, nearest first; the named ones lead."""
        todo = deque(names)
        seen = dict.fromkeys(todo)
        while todo:
            for reader in self.consumers[todo.popleft()]:
                if reader.name not in seen:
                    seen[reader.name] = None
                    todo.append(reader.name)
        return tuple(seen)

    def without_dead_nodes(self) -> Graph:
        """The same graph without what no output needs; unchanged when the outputs are not known.

        The nodes that the caller feeds stay.
        """
        if not self.outputs:
            return self
        needed = self.needed_by((*self.outputs, *self.inputs))
        if len(needed) == len(self.nodes):
            return self
        return replace(self, nodes={n.name: n for n in self.nodes.values() if n.name in needed})

    def _unknown_name(self, tensor: str) -> str:
        import difflib

        near = difflib.get_close_matches(producer_name(tensor), self.nodes, n=3, cutoff=0.5)
        hint = f"; near names: {', '.join(near)}" if near else ""
        return f"no node named {producer_name(tensor)!r} among the graph's {len(self.nodes)} nodes{hint}"


def rewire(nodes: Iterable[Node], renames: Mapping[str, str]) -> list[Node]:
    """The nodes with some input tensors replaced; a chain of renames is followed to its end.

    Args:
        nodes: the nodes to rewrite.
        renames: tensor name -> tensor name, canonical ("a", "a:1"). Where a node's output 0 ("a") is renamed, control
            edges "^a" move to the new tensor's node.

    Raises:
        GraphError: when the renames run in a circle.
    """
    if not renames:
        return list(nodes)
    return [_rewired(node, renames) for node in nodes]


def follow(tensor: str, renames: Mapping[str, str]) -> str:
    """Where a chain of renames leads a tensor."""
    if tensor not in renames:
        return tensor
    seen = {tensor}
    while tensor in renames:
        tensor = renames[tensor]
        if tensor in seen:
            raise GraphError(f"renames run in a circle at {tensor!r}")
        seen.add(tensor)
    return tensor


def _rewired(node: Node, renames: Mapping[str, str]) -> Node:
    inputs = tuple(
        "^" + producer_name(follow(t[1:], renames)) if is_control(t) else follow(t, renames) for t in node.inputs
    )
    return node if inputs == node.inputs else replace(node, inputs=inputs)
