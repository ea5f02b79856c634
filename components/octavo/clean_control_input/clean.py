"""The step: a graph in, the same out without the control edges that it can do without."""

from __future__ import annotations

from pathlib import Path

from octavo.graph.frames import with_placing_edges_only
from octavo.graph.graph import Graph
from octavo.graph.proto import load_graph, save_graph


def clean_control_input(graph: Graph) -> Graph:
    """The graph without control edges, but for those that keep a node in its loop or branch; its nodes all stay."""
    return with_placing_edges_only(graph)


def clean_file(source: Path, target: Path, *, as_text: bool = False) -> None:
    """Write a graph file without the control edges that it can do without.

    Raises:
        GraphError: when the graph cannot be read or written.
    """
    save_graph(clean_control_input(load_graph(source)), target, as_text=as_text)
