"""What a graph costs, by op type: floating point operations, and bytes of parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from octavo.graph.attrs import TensorShape
from octavo.graph.graph import Graph, Node
from octavo.graph.names import producer_name
from octavo.graph.proto import to_def
from octavo.tensorflow import quiet_tensorflow

CARRIERS = frozenset({"Identity", "ReadVariableOp", "Enter", "RefEnter", "StopGradient"})
"""Ops that pass a parameter on to the one that uses it."""

UPKEEP = ("Assign", "Apply", "ResourceApply", "ResourceScatter", "Save", "VarIsInitialized", "IsVariableInitialized")
"""How the types of ops begin that set, train, save or look after a variable."""


def most_first(counts: Mapping[str, int]) -> dict[str, int]:
    """The counts, the largest first, equal ones by name."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def flops_by_op(graph: Graph) -> dict[str, int]:
    """Op type -> floating point operations for a batch of one, as TensorFlow's op statistics count them.

    Empty when TensorFlow cannot load the graph; ops of unknown shape are left out.
    """
    import tensorflow as tf
    from tensorflow.python.framework import ops

    loaded = tf.Graph()
    counts: Counter[str] = Counter()
    try:
        with loaded.as_default():
            tf.graph_util.import_graph_def(to_def(_with_batch_of_one(graph)), name="")
    except (ValueError, tf.errors.OpError):
        return {}
    with quiet_tensorflow():
        for operation in loaded.get_operations():
            with suppress(ValueError, TypeError, AttributeError):  # a shape that is not known
                counts[operation.type] += _flops(ops, loaded, operation)
    return most_first(+counts)


def _flops(ops: Any, loaded: Any, operation: Any) -> int:
    return ops.get_stats_for_node_def(loaded, operation.node_def, "flops").value or 0


def _with_batch_of_one(graph: Graph) -> Graph:
    return replace(graph, nodes={}, inputs=(), outputs=()).with_nodes(map(_one_example, graph.nodes.values()))


def _one_example(node: Node) -> Node:
    if not node.op.startswith("Placeholder") or "shape" not in node.attrs:
        return node
    shape = node.shape("shape")
    if not shape or shape[0] is not None:
        return node
    return node.with_attrs(shape=TensorShape((1, *shape[1:])))


def bytes_by_op(graph: Graph, parameters: Mapping[str, int]) -> dict[str, int]:
    """Op type -> bytes of the parameters that its nodes read; each parameter is counted once, at its first reader.

    Args:
        graph: the graph.
        parameters: name of a Const or variable -> its bytes.
    """
    counts: Counter[str] = Counter()
    for name, size in parameters.items():
        if user := _first_user(graph, name):
            counts[user.op] += size
    return most_first(+counts)


def _first_user(graph: Graph, name: str) -> Node | None:
    """The first node that computes with a parameter, in the graph's order; else one of its upkeep."""
    upkeep = None
    todo = [name]
    seen = {name}
    while todo:
        source = todo.pop()
        carriers = []
        for reader in graph.consumers[source]:
            if source not in map(producer_name, reader.data_inputs) or reader.name in seen:
                continue
            seen.add(reader.name)
            if reader.op in CARRIERS:
                carriers.append(reader.name)
            elif not reader.op.startswith(UPKEEP):
                return reader
            elif upkeep is None:
                upkeep = reader
        todo += reversed(carriers)
    return upkeep
