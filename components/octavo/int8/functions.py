"""What stays as it is inside the function library: only the main graph is quantized."""

from __future__ import annotations

import itertools

from octavo.documents.decisions import Decision, stays_fp32
from octavo.graph.graph import Graph, Node
from octavo.graph.library import function_nodes
from octavo.graph.miss import Miss
from octavo.int8.chain import ANCHORS

WHILES = frozenset({"While", "StatelessWhile"})
"""The ops that run functions in a loop."""


def in_functions(graph: Graph) -> list[Decision]:
    """The verdicts on ops inside the function library: bodies of loops, conditionals and calls run as they are."""
    loops = _run_by_loops(graph)
    nodes = function_nodes(graph)
    return [in_function(function, node, in_loop=function in loops) for function, node in nodes if node.op in ANCHORS]


def in_function(function: str, node: Node, *, in_loop: bool = False) -> Decision:
    """The verdict on a node inside a function of the library."""
    where = f"it is inside the function {function!r}{', the body of a loop' if in_loop else ''}"
    reason = f"{where}; only the main graph is quantized"
    inlined = "inline the function before quantizing: freeze_graph does so where it can"
    miss = Miss(reason, at=function, way_out="unroll the loop before quantizing" if in_loop else inlined)
    return stays_fp32(Node(f"{function}/{node.name}", node.op), miss)


def _run_by_loops(graph: Graph) -> frozenset[str]:
    """The names of the functions that loops run in each turn."""
    nodes = itertools.chain(graph.nodes.values(), (node for _, node in function_nodes(graph)))
    return frozenset(node.function(part) for node in nodes if node.op in WHILES for part in ("body", "cond"))
