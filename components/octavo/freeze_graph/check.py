"""The first run of a frozen graph, before success is reported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from octavo.errors import GraphError
from octavo.graph.attrs import TensorShape
from octavo.graph.graph import Graph, Node
from octavo.runtime.session import GraphSession
from octavo.runtime.trial import sample_feeds

PLACEHOLDERS = frozenset({"Placeholder", "PlaceholderV2"})
GUESSED_SIZE = 224
"""Rows and columns of a sample image where the placeholder leaves them open."""


def check_runs(graph: Graph) -> str:
    """Load a frozen graph and run it once on seeded input, unknown batch sizes being 1.

    Returns:
        Why the graph was only loaded, and not run; "" when it was run.

    Raises:
        GraphError: when TensorFlow cannot load the graph, or it fails to run.
    """
    needed = graph.needed_by(graph.outputs)
    bare = graph.with_nodes(replace(node, device="") for node in graph.nodes.values() if node.name in needed)
    fed = [node for node in bare.nodes.values() if node.op in PLACEHOLDERS]
    guessed = [node for node in fed if _is_guessed(node)]
    sized = {node.name: _sized(node) for node in fed}
    sample = bare.with_nodes(sized.get(node.name, node) for node in bare.nodes.values())
    with GraphSession(bare, mapped=True, optimizer="none") as session:
        if reason := next(_obstacles(sample), ""):
            return reason
        try:
            session.run(sample_feeds(replace(sample, inputs=tuple(sized))))
        except GraphError as fault:
            if not guessed:
                raise
            return f"the size of {guessed[0].name!r} is open, and a guess of {GUESSED_SIZE} failed: {fault}"
    return ""


def _obstacles(graph: Graph) -> Iterator[str]:
    """Why the graph cannot be fed with samples."""
    for node in graph.nodes.values():
        if node.op.startswith(("Iterator", "OneShotIterator", "QueueDequeue")):
            yield f"its data come from the {node.op} {node.name!r}"
        if node.op in {"VarHandleOp", "Variable", "VariableV2"}:
            yield f"the variable {node.name!r} was left a variable"
        if node.op not in PLACEHOLDERS:
            continue
        if node.dtype("dtype") in {"string", "resource", "variant"}:
            yield f"no sample can be made for {node.name!r}, a {node.dtype('dtype')}"
        shape = _shape(node)
        if shape is None or None in shape[1:]:
            yield f"the shape of {node.name!r} is not known"


def _shape(node: Node) -> tuple[int | None, ...] | None:
    return node.shape("shape")


def _is_guessed(node: Node) -> bool:
    shape = _shape(node)
    return shape is not None and len(shape) == 4 and shape[3] is not None and None in shape[1:3]


def _sized(node: Node) -> Node:
    """A placeholder of images with open rows and columns, given some."""
    shape = _shape(node)
    if shape is None or not _is_guessed(node):
        return node
    return node.with_attrs(shape=TensorShape((shape[0], *(n or GUESSED_SIZE for n in shape[1:3]), shape[3])))
