"""The step: a graph in, the same without its control edges out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from octavo.graph.graph import Graph
from octavo.graph.proto import load_graph, save_graph


def clean_control_input(graph: Graph) -> Graph:
    """The graph without control edges; its nodes all stay."""
    return graph.with_nodes(replace(node, inputs=node.data_inputs) for node in graph.nodes.values())


def clean_file(source: Path, target: Path, *, as_text: bool = False) -> None:
    """Write a graph file without its control edges.

    Raises:
        GraphError: when the graph cannot be read or written.
    """
    save_graph(clean_control_input(load_graph(source)), target, as_text=as_text)
