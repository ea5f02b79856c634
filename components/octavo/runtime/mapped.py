"""Large constants that TensorFlow maps from files.

A Const's value is copied at every stage from GraphDef to kernel, five times in all, and once more where oneDNN keeps
weights in its own layout. An ImmutableConst reads a file's pages in place, so a graph that runs a few times needs
little more memory than its weights and activations, and starts sooner. The values that it computes are the same.
"""

from __future__ import annotations

from pathlib import Path

from octavo.graph.graph import Graph, Node

LEAST_BYTES = 1 << 14
"""Smaller constants stay: they cost nothing, and shape inference reads axes, shapes and paddings from them."""

MAPPED = frozenset({"float32", "float16", "bfloat16", "float64", "qint8", "quint8", "int8", "uint8"})


def with_mapped_constants(graph: Graph, folder: Path, least_bytes: int = LEAST_BYTES) -> Graph:
    """The graph with its large constants as ImmutableConst nodes.

    Args:
        graph: any graph.
        folder: where to write their values, a file each; it must outlive every session that runs the result.
        least_bytes: smaller constants stay. oneDNN packs a filter once when it is a Const, and before each run when it
            is not: what runs often does better with more of them.
    """
    nodes = []
    for count, node in enumerate(graph.nodes.values()):
        content = _content(node)
        if content is None or len(content) < least_bytes:
            nodes.append(node)
            continue
        file = folder / str(count)
        file.write_bytes(content)
        nodes.append(_mapped(node, str(file)))
    return graph.with_nodes(nodes)


def without_large_values(graph: Graph) -> Graph:
    """The graph with the dtypes and shapes of its large constants alone: it can be loaded, but not run."""
    nodes = graph.nodes.values()
    return graph.with_nodes(node if _content(node) is None else _mapped(node, "") for node in nodes)


def _content(node: Node) -> bytes | None:
    """A large constant's value; None of other nodes."""
    if node.op != "Const" or "value" not in node.attrs or node.dtype("dtype") not in MAPPED:
        return None
    content = node.tensor("value").content
    return content if len(content) >= LEAST_BYTES else None


def _mapped(node: Node, file: str) -> Node:
    attrs = {"dtype": node.attrs["dtype"], "shape": node.tensor("value").shape, "memory_region_name": file}
    return Node(node.name, "ImmutableConst", node.inputs, attrs, node.device)
