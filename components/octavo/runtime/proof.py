"""The proof that a transformed graph is one: TensorFlow loads it, and runs it where it can be fed."""

from __future__ import annotations

import logging
from dataclasses import replace

from octavo.errors import GraphError
from octavo.graph import Graph, producer_name
from octavo.graph.op_defs import is_quantized
from octavo.runtime.session import GraphSession, placeholder_dtype, placeholder_shape
from octavo.runtime.trial import run_once, sample_feeds

LOG = logging.getLogger(__name__)

FEEDABLE = frozenset({"float32", "float64", "float16", "uint8", "int8", "uint16", "int16", "int32", "int64", "bool"})


TABLE_INITIALIZERS = frozenset({"InitializeTable", "InitializeTableV2"})
TABLE_LOOKUPS = frozenset({"LookupTableFind", "LookupTableFindV2"})


def prove(graph: Graph, *, instead_of: Graph) -> None:
    """Load a graph, and run it once where the shapes of its inputs are known but for the batch.

    A graph with quantized ops runs in a process of its own, since it may abort it; so does one that prints. A graph
    that does not run is let through, with a warning, when the one that it stands for did not run either.

    Args:
        graph: the graph, with its inputs and outputs.
        instead_of: the graph that it was made from.

    Raises:
        GraphError: when TensorFlow cannot load the graph, or cannot run it while it can run the other.
    """
    if not _can_run(graph):
        GraphSession(graph, fetches=(), mapped=True, optimizer="none").close()
        return
    try:
        _run(graph)
    except GraphError as fault:
        GraphSession(graph, fetches=(), mapped=True, optimizer="none").close()
        if _runs(instead_of):
            raise
        LOG.warning("the graph does not run on random input, nor did the one it was made from: %s", fault)


def _can_run(graph: Graph) -> bool:
    """Whether every Placeholder is fed, with numbers, in a shape that is known but for the batch; and fetched."""
    placeholders = {node.name for node in graph.nodes.values() if node.op == "Placeholder"}
    if not graph.outputs or graph.input_names != placeholders:
        return False
    shapes = [placeholder_shape(graph, name) for name in graph.inputs]
    known = all(shape is not None and None not in shape[1:] for shape in shapes)
    return known and all(placeholder_dtype(graph, name) in FEEDABLE for name in graph.inputs)


def with_tables_filled(graph: Graph) -> Graph:
    """The same graph with every lookup behind the initializer of its table, which else is run apart, before all."""
    fillers: dict[str, list[str]] = {}
    for node in graph.nodes.values():
        if node.op in TABLE_INITIALIZERS:
            fillers.setdefault(producer_name(node.inputs[0]), []).append(f"^{node.name}")
    if not fillers:
        return graph
    nodes = {}
    for name, node in graph.nodes.items():
        waits = fillers.get(producer_name(node.inputs[0]), []) if node.op in TABLE_LOOKUPS else []
        nodes[name] = replace(node, inputs=(*node.inputs, *waits)) if waits else node
    return replace(graph, nodes=nodes)


def _run(graph: Graph) -> None:
    graph = with_tables_filled(graph)
    if any(is_quantized(node.op) or node.op == "Print" for node in graph.nodes.values()):
        run_once(graph)
        return
    with GraphSession(graph, mapped=True, optimizer="none") as session:
        session.run(sample_feeds(graph))


def _runs(graph: Graph) -> bool:
    try:
        _run(graph)
    except GraphError:
        return False
    return True
