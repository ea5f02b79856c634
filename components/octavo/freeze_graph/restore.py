"""Which checkpoint key, and which part of it, a graph restores each variable from.

Read from the graph's own restore nodes: Assign(variable, RestoreV2:i), with Identity in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from octavo.errors import GraphError
from octavo.graph.graph import Graph, Node
from octavo.graph.names import output_index
from octavo.graph.tensors import const_value

ASSIGNS = frozenset({"Assign", "AssignVariableOp"})


@dataclass(frozen=True, slots=True)
class Source:
    """A checkpoint key; `part` is the slice of it that the variable holds, None for the whole."""

    key: str
    part: tuple[slice, ...] | None = None


def restored_variables(graph: Graph, restore_op: str = "") -> Mapping[str, Source]:
    """Variable node -> where it is restored from.

    Args:
        graph: the graph, with its restore nodes.
        restore_op: the node that restores all; where given, only what it depends on counts.

    Raises:
        GraphError: when the graph has no node of that name.
    """
    scope = graph.with_ends([], [restore_op]).needed_by([restore_op]) if restore_op else graph.nodes.keys()
    assigns = [node for node in graph.nodes.values() if node.op in ASSIGNS and node.name in scope]
    return dict(_restored(graph, assigns))


def _restored(graph: Graph, assigns: list[Node]) -> Iterator[tuple[str, Source]]:
    for assign in assigns:
        variable, value = assign.data_inputs[:2]
        node = graph.producer(value)
        while node.op == "Identity":
            value = node.data_inputs[0]
            node = graph.producer(value)
        if source := _source(graph, node, output_index(value)):
            yield graph.producer(variable).name, source


def _source(graph: Graph, node: Node, index: int) -> Source | None:
    """What an output of a restore node reads; None when it is no restore node, or its keys are computed."""
    if node.op not in {"RestoreV2", "Restore", "RestoreSlice"}:
        return None
    texts = [graph.producer(tensor) for tensor in node.data_inputs[1:]]
    if any(text.op != "Const" for text in texts):
        return None
    key, *parts = (const_value(text).ravel()[index if node.op == "RestoreV2" else 0].decode() for text in texts)
    return Source(key, read_part(parts[0]) if parts else None)


def read_part(text: str) -> tuple[slice, ...] | None:
    """The slices that a saver's text says: "784 256 0,392:-" is the first 392 rows; "" is the whole.

    Raises:
        GraphError: when the text cannot be read.
    """
    if not text:
        return None
    try:
        return tuple(_slice(word) for word in text.rsplit(" ", maxsplit=1)[-1].split(":"))
    except ValueError as fault:
        raise GraphError(f"the slice {text!r} cannot be read; wanted a text like '784 256 0,392:-'") from fault


def _slice(word: str) -> slice:
    if word == "-":
        return slice(None)
    start, length = map(int, word.split(","))
    return slice(start, start + length)
