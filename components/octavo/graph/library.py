"""The function library of a graph: which of its functions the nodes need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from octavo.graph.attr_proto import read_attrs, write_attr
from octavo.graph.attrs import Function, plain_of
from octavo.graph.graph import Graph, Node
from octavo.graph.registry import default_attrs


def function_nodes(graph: Graph) -> Iterator[tuple[str, Node]]:
    """The nodes inside the functions of a graph's library, each behind its function's name; without inputs."""
    for function in graph.library.function if graph.library is not None else ():
        for node in function.node_def:
            yield function.signature.name, Node(node.name, node.op, (), read_attrs(node.attr), node.device)


def without_unused_functions(graph: Graph) -> Graph:
    """The same graph with only the functions that its nodes call, directly or through others; None when there are none.

    A function's gradient counts as called with it.
    """
    if graph.library is None:
        return graph
    functions: dict[str, list[Node]] = {function.signature.name: [] for function in graph.library.function}
    for name, node in function_nodes(graph):
        functions[name].append(node)
    gradients = {gradient.function_name: gradient.gradient_func for gradient in graph.library.gradient}
    todo = list(_called(graph.nodes.values()))
    needed: set[str] = set()
    while todo:
        name = todo.pop()
        if name in functions and name not in needed:
            needed.add(name)
            todo.extend(_called(functions[name]))
            todo.extend([gradients[name]] if name in gradients else [])
    return replace(graph, library=_library(graph.library, needed))


def _called(nodes: Iterable[Node]) -> Iterator[str]:
    """The names that nodes may call functions by."""
    for node in nodes:
        yield node.op
        for value in map(plain_of, node.attrs.values()):
            elements = value if isinstance(value, tuple) else (value,)
            yield from (element.name for element in elements if isinstance(element, Function))


def with_default_attrs_inside(graph: Graph) -> Graph:
    """The graph with every attribute that a node inside a function leaves to its op's default written out."""
    if graph.library is None:
        return graph
    copied = type(graph.library)()
    copied.CopyFrom(graph.library)
    for function in copied.function:
        for node in function.node_def:
            for name, value in default_attrs(node.op).items():
                if name not in node.attr:
                    node.attr[name].CopyFrom(write_attr(value))
    return replace(graph, library=copied)


def _library(library: Any, needed: set[str]) -> Any:
    from tensorflow.core.framework import function_pb2

    if not needed:
        return None
    return function_pb2.FunctionDefLibrary(
        function=[function for function in library.function if function.signature.name in needed],
        gradient=[gradient for gradient in library.gradient if gradient.function_name in needed],
    )
