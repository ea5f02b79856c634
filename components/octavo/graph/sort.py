"""Execution order: every node after what it reads."""

from __future__ import annotations

import heapq

from octavo.errors import GraphError
from octavo.graph.graph import Graph, Node
from octavo.graph.names import producer_name
from octavo.graph.op_defs import MERGES, NEXT_ITERATIONS


def execution_order(graph: Graph) -> tuple[Node, ...]:
    """The nodes, each after all that it reads, and otherwise as near to the file's order as that allows.

    A graph that is in order already keeps its order. The back edge of a while loop, NextIteration to Merge,
    is the one edge that need not be followed.

    Raises:
        GraphError: when nodes read each other in a circle that is no while loop; the message names it.
    """
    places = {name: place for place, name in enumerate(graph.nodes)}
    waits = {name: _reads(graph, node) for name, node in graph.nodes.items()}
    missing = {name: len(reads) for name, reads in waits.items()}
    readers: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for name, reads in waits.items():
        for read in reads:
            readers[read].append(name)
    ready = [places[name] for name, count in missing.items() if count == 0]
    nodes = tuple(graph.nodes.values())
    ordered = []
    while ready:
        node = nodes[heapq.heappop(ready)]
        ordered.append(node)
        for reader in readers[node.name]:
            missing[reader] -= 1
            if not missing[reader]:
                heapq.heappush(ready, places[reader])
    if len(ordered) < len(nodes):
        stuck = {name: waits[name] for name, count in missing.items() if count}
        raise GraphError(f"nodes read each other in a circle that is no while loop: {' <- '.join(_circle(stuck))}")
    return tuple(ordered)


def _reads(graph: Graph, node: Node) -> frozenset[str]:
    names = frozenset(map(producer_name, node.inputs))
    if node.op not in MERGES:
        return names
    return frozenset(name for name in names if graph.producer(name).op not in NEXT_ITERATIONS)


def _circle(stuck: dict[str, frozenset[str]]) -> list[str]:
    """One circle among nodes that all wait for another of them."""
    name = min(stuck)
    path: dict[str, None] = {}
    while name not in path:
        path[name] = None
        name = min(read for read in stuck[name] if read in stuck)
    walked = list(path)
    return [*walked[walked.index(name) :], name]
