"""The function library of a graph: which of its functions the nodes need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from octavo.graph.graph import Graph, Node


def function_nodes(graph: Graph) -> Iterator[tuple[str, Node]]:
    """The nodes inside the functions of a graph's library, each behind its function's name; without inputs."""
    for function in graph.library.function if graph.library is not None else ():
        for node in function.node_def:
            yield function.signature.name, Node(node.name, node.op, (), dict(node.attr), node.device)


def without_unused_functions(graph: Graph) -> Graph:
    """The same graph with only the functions that its nodes call, directly or through others; None when there are none.

    A function's gradient counts as called with it.
    """
    if graph.library is None:
        return graph
    functions = {function.signature.name: function for function in graph.library.function}
    gradients = {gradient.function_name: gradient.gradient_func for gradient in graph.library.gradient}
    todo = list(_called((node.op, node.attrs.values()) for node in graph.nodes.values()))
    needed: set[str] = set()
    while todo:
        name = todo.pop()
        if name in functions and name not in needed:
            needed.add(name)
            todo.extend(_called((node.op, node.attr.values()) for node in functions[name].node_def))
            todo.extend([gradients[name]] if name in gradients else [])
    return replace(graph, library=_library(graph.library, needed))


def _called(nodes: Iterable[tuple[str, Iterable[Any]]]) -> Iterator[str]:
    """The names that nodes may call functions by."""
    for op, values in nodes:
        yield op
        for value in values:
            if value.HasField("func"):
                yield value.func.name
            elif value.HasField("list"):
                yield from (function.name for function in value.list.func)


def _library(library: Any, needed: set[str]) -> Any:
    from tensorflow.core.framework import function_pb2

    if not needed:
        return None
    return function_pb2.FunctionDefLibrary(
        function=[function for function in library.function if function.signature.name in needed],
        gradient=[gradient for gradient in library.gradient if gradient.function_name in needed],
    )
