"""The step: a graph in, the same out without the control edges that it can do without."""

from __future__ import annotations

import logging
from pathlib import Path

from octavo.graph.frames import with_placing_edges_only
from octavo.graph.graph import Graph
from octavo.graph.names import is_control
from octavo.graph.proto import load_graph, save_graph
from octavo.notes import counted

LOG = logging.getLogger(__name__)


def clean_control_input(graph: Graph) -> Graph:
    """The graph without control edges, but for those that keep a node in its loop or branch; its nodes all stay."""
    return with_placing_edges_only(graph)


def clean_file(source: Path, target: Path, *, as_text: bool = False) -> None:
    """Write a graph file without the control edges that it can do without.

    Raises:
        GraphError: when the graph cannot be read or written.
    """
    graph = load_graph(source)
    cleaned = clean_control_input(graph)
    save_graph(cleaned, target, as_text=as_text)
    before, left = _control_edges(graph), _control_edges(cleaned)
    stay = f"{left:,} stay" if left > 1 else f"{'one' if left else 'none'} stays"
    LOG.info("dropped %s; %s", counted(before - left, "control edge"), stay)


def _control_edges(graph: Graph) -> int:
    return sum(is_control(tensor) for node in graph.nodes.values() for tensor in node.inputs)
