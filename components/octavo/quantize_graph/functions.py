"""What stays as it is inside the function library: only the main graph is quantized."""

from __future__ import annotations

from typing import Any

from octavo.documents.decisions import Decision
from octavo.graph.graph import Graph
from octavo.int8.chain import ANCHORS

WHILES = frozenset({"While", "StatelessWhile"})
"""The ops that run functions in a loop."""


def in_functions(graph: Graph) -> list[Decision]:
    """The verdicts on ops inside the function library: bodies of loops, conditionals and calls run as they are."""
    functions = () if graph.library is None else graph.library.function
    loops = _run_by_loops(graph)
    return [
        _in_function(function.signature.name, node, in_loop=function.signature.name in loops)
        for function in functions
        for node in function.node_def
        if node.op in ANCHORS
    ]


def _in_function(function: str, node: Any, *, in_loop: bool) -> Decision:
    where = f"it is inside the function {function!r}{', the body of a loop' if in_loop else ''}"
    reason = f"{where}; only the main graph is quantized"
    return Decision(f"{function}/{node.name}", node.op, "FP32", kind="missed", reason=reason, at=function)


def _run_by_loops(graph: Graph) -> frozenset[str]:
    """The names of the functions that loops run in each turn."""
    functions = () if graph.library is None else graph.library.function
    loops = [node.attrs for node in graph.nodes.values() if node.op in WHILES]
    loops += [node.attr for function in functions for node in function.node_def if node.op in WHILES]
    return frozenset(attrs[part].func.name for attrs in loops for part in ("body", "cond"))
