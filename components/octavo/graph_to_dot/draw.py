"""The step: a graph in, its picture in Graphviz's language out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from octavo.errors import GraphError
from octavo.files import expanded, write_atomically
from octavo.graph.graph import Graph
from octavo.graph.names import producer_name
from octavo.graph.proto import load_graph


def graph_to_dot(graph: Path, dot: Path) -> None:
    """Write a graph file as a DOT file.

    Raises:
        GraphError: when the graph cannot be read, or the DOT file cannot be written.
    """
    drawn = (f"{line}\n".encode() for line in dot_lines(load_graph(graph)))
    try:
        write_atomically(expanded(dot), drawn)
    except OSError as fault:
        raise GraphError(f"the DOT file {str(dot)!r} cannot be written: {fault.strerror}") from fault


def dot_lines(graph: Graph) -> Iterator[str]:
    """The lines that Intel's graph_to_dot.py wrote: each node with its op type, then an edge from each input."""
    yield "digraph graphname {"
    for node in graph.nodes.values():
        yield f'  "{node.name}" [label="{node.op}"];'
        for tensor in node.inputs:
            yield f'  "{producer_name(tensor)}" -> "{node.name}";'
    yield "}"
