"""Example graphs from text, with the attributes that TensorFlow insists on filled in, and the numbers they give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from octavo.graph import Graph, Node, const_node
from octavo.graph.attrs import DType, TensorShape
from octavo.graph.registry import op_def
from octavo.graph.tensors import Array
from octavo.graph.text import parse_graph
from octavo.runtime.session import GraphSession


def example(
    text: str, *, inputs: Sequence[str] = (), outputs: Sequence[str] = (), consts: Mapping[str, Array] | None = None
) -> Graph:
    """The graph of a text; attributes without a default that it leaves out become float32, strides 1, VALID.

    Args:
        text: the nodes.
        inputs: the graph's inputs.
        outputs: the graph's outputs.
        consts: Consts that stand before the text, by name.
    """
    given = {name: const_node(name, value) for name, value in (consts or {}).items()}
    stubs = [f"{name} = Const() value=float32<>[0]" for name in given]
    graph = parse_graph("\n".join([*stubs, text]), inputs=inputs, outputs=outputs)
    return replace(graph, nodes={name: given.get(name) or _filled(node) for name, node in graph.nodes.items()})


def values(graph: Graph, feeds: Mapping[str, Any], fetches: Sequence[str] | None = None) -> list[Array]:
    """What a graph's outputs are for some feeds; numbers are fed as float32 unless they are arrays."""
    arrays = {name: v if isinstance(v, np.ndarray) else np.array(v, np.float32) for name, v in feeds.items()}
    with GraphSession(graph, fetches, threads=1) as session:
        return session.run(arrays)


def random(*shape: int, seed: int = 0) -> Array:
    """Seeded float32 values in [-1, 1)."""
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def _filled(node: Node) -> Node:
    definition = op_def(node.op)
    if definition is None:
        return node
    missing = {}
    for attr in definition.attr:
        if attr.name not in node.attrs and not attr.HasField("default_value"):
            missing[attr.name] = _guess(node, attr)
    if node.op == "Placeholder" and "shape" not in node.attrs:
        missing["shape"] = TensorShape(unknown_rank=True)
    return node.with_attrs(**missing)


def _guess(node: Node, attr: Any) -> Any:
    if attr.type == "type":
        return DType("qint32" if node.op == "RequantizationRange" else "float32")
    if attr.type == "int":
        return len(node.data_inputs) - 1  # the N of ConcatV2
    if attr.type == "string":
        return "VALID" if attr.name == "padding" else ""
    assert attr.name == "strides", f"no guess for the attribute {attr.name} of {node.op}"
    return (1, 1, 1, 1)
