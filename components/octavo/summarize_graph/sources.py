"""Where data may come into a graph: placeholders, iterators and queues."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from octavo.graph.attrs import DType, TensorShape
from octavo.graph.graph import Graph, Node
from octavo.graph.names import canonical
from octavo.summarize_graph.shapes import shape_text, why_invalid

PLACEHOLDERS = frozenset({"Placeholder", "PlaceholderV2", "PlaceholderWithDefault"})
ITERATORS = frozenset({"IteratorGetNext", "IteratorGetNextSync"})
QUEUES = frozenset(f"QueueDequeue{many}{version}" for many in ("", "Many", "UpTo") for version in ("", "V2"))


@dataclass(frozen=True, slots=True)
class Source:
    """A tensor that data may come in by.

    Args:
        name: the tensor.
        op: the op that makes it.
        dtype: its dtype's name; None where the node declares none.
        declared: its shape as it is declared; None where the node declares none.
    """

    name: str
    op: str
    dtype: str | None
    declared: TensorShape | None

    @property
    def shape(self) -> tuple[int | None, ...] | None:
        """The shape; None for unknown rank, where it is not valid, or where the node declares none."""
        return None if self.declared is None or why_invalid(self.declared) else self.declared.known

    @property
    def shape_text(self) -> str:
        """The shape as TensorFlow prints it; "None" where the node declares none."""
        return "None" if self.declared is None else shape_text(self.declared)


def find_sources(graph: Graph) -> list[Source]:
    """Every tensor of the graph that could be fed, in the graph's order."""
    return [source for node in graph.nodes.values() for source in _sources_of(node)]


def _sources_of(node: Node) -> Iterator[Source]:
    if node.op in PLACEHOLDERS:
        shape = node.declared_shape("shape") if "shape" in node.attrs else None
        dtype = node.attrs.get("dtype")
        yield Source(node.name, node.op, dtype.base if isinstance(dtype, DType) else None, shape)
    elif node.op in ITERATORS:
        yield from _components(node, "output_types", "output_shapes")
    elif node.op in QUEUES:
        yield from _components(node, "component_types", "")


def _components(node: Node, types_key: str, shapes_key: str) -> Iterator[Source]:
    """The tensors of a node that delivers several."""
    types = node.dtypes(types_key) if types_key in node.attrs else ()
    shapes = node.declared_shapes(shapes_key, ()) if shapes_key else ()
    for index, dtype in enumerate(types):
        shape = shapes[index] if index < len(shapes) else None
        yield Source(canonical(f"{node.name}:{index}"), node.op, dtype, shape)
