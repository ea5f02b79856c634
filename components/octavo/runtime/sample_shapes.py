"""The shapes that tensors have for one size of batch, which tell a broadcast from a sum of equals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from octavo.errors import GraphError
from octavo.graph.attrs import TensorShape
from octavo.graph.graph import Graph, Node
from octavo.runtime.shapes import Shape, static_shapes

SAMPLE_BATCH = 7
"""A size that no constant of a graph is likely to have."""


def sample_shapes(graph: Graph, tensors: Iterable[str]) -> Mapping[str, Shape]:
    """Tensor name -> its shape where placeholders with an unknown first dimension are fed seven examples.

    With that dimension unknown, y and y[:1] have one shape. A graph that cannot be fed seven keeps its own shapes.

    Raises:
        GraphError: when TensorFlow cannot load the graph.
    """
    wanted = tuple(tensors)
    nodes = {name: _with_batch(node) if node.op == "Placeholder" else node for name, node in graph.nodes.items()}
    try:
        return static_shapes(replace(graph, nodes=nodes), wanted)
    except GraphError:
        return static_shapes(graph, wanted)


def _with_batch(placeholder: Node) -> Node:
    shape = placeholder.shape("shape")
    if not shape or shape[0] is not None:
        return placeholder
    return placeholder.with_attrs(shape=TensorShape((SAMPLE_BATCH, *shape[1:])))
