"""Giving nodes other names, with all that refers to them: inputs, control edges, the graph's ends, colocation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from octavo.graph import Graph, Node, producer_name

COLOCATION = "_class"
"""The attribute that lists, as "loc:@name", the nodes whose device a node shares."""

PREFIX = "loc:@"


def with_names(graph: Graph, names: Mapping[str, str]) -> Graph:
    """The same graph with some nodes renamed; the library's functions have names of their own.

    Args:
        graph: the graph.
        names: a node's name -> its new name; no two nodes may come to have one name.

    Raises:
        GraphError: when they do.
    """

    def renamed(tensor: str) -> str:
        name = producer_name(tensor)
        return tensor.replace(name, names[name], 1) if name in names else tensor

    nodes = []
    for node in graph.nodes.values():
        moved = replace(node, name=renamed(node.name), inputs=tuple(map(renamed, node.inputs)))
        nodes.append(_colocated(moved, {place: names.get(place, place) for place in _places(node)}))
    ends = {"inputs": tuple(map(renamed, graph.inputs)), "outputs": tuple(map(renamed, graph.outputs))}
    return replace(graph, nodes={}, **ends).with_nodes(nodes)


def without_lost_places(graph: Graph) -> Graph:
    """The same graph without colocation with nodes that it does not hold, which TensorFlow would not load."""
    if not any(place not in graph.nodes for node in graph.nodes.values() for place in _places(node)):
        return graph
    nodes = graph.nodes.values()
    kept = (_colocated(n, {place: place for place in _places(n) if place in graph.nodes}) for n in nodes)
    return replace(graph, nodes={node.name: node for node in kept})


def _places(node: Node) -> list[str]:
    """The names of the nodes whose device a node shares."""
    return [text.removeprefix(PREFIX) for text in _classes(node) if text.startswith(PREFIX)]


def _colocated(node: Node, places: Mapping[str, str]) -> Node:
    """The node with its places called as `places` says; those that it does not name go."""
    if COLOCATION not in node.attrs:
        return node
    texts = []
    for text in _classes(node):
        place = text.removeprefix(PREFIX)
        if place == text:
            texts.append(text)
        elif place in places:
            texts.append(PREFIX + places[place])
    if texts == _classes(node):
        return node
    attrs: dict[str, Any] = {key: value for key, value in node.attrs.items() if key != COLOCATION}
    return replace(node, attrs={**attrs, COLOCATION: tuple(texts)} if texts else attrs)


def _classes(node: Node) -> list[str]:
    return list(node.texts(COLOCATION, ()))
