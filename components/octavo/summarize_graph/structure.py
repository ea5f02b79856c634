"""The nodes of a graph, one a line, in the order and the words of TensorFlow's summarize_graph."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from octavo.errors import GraphError
from octavo.graph.graph import Graph, Node
from octavo.graph.names import producer_name
from octavo.graph.tensors import Array, const_value
from octavo.summarize_graph.text import short_dtype

MERGES = frozenset({"Merge", "RefMerge"})
SHOWN_VALUES = 3
UNSHOWN = frozenset({"complex64", "complex128", "qint32"})
ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "'": "\\'", "\\": "\\\\"}
FLOAT_DIGITS = {"float64": (15, 17)}
"""Digits that a float is shown with: the fewer where they say it exactly."""


def structure(graph: Graph) -> Iterator[str]:
    """The lines, without their ends.

    Raises:
        GraphError: when nodes read each other in a circle that is no while loop.
    """
    for node in _order(graph):
        value = f", value={_debug_string(node)}" if node.op == "Const" and "value" in node.attrs else ""
        yield f"{node.name} ({node.op}): [{', '.join(node.inputs)}]{value}"


def _order(graph: Graph) -> list[Node]:
    """Each node after what it reads, the one that became ready last first; a Merge waits for one input."""
    missing = {node.name: _count_inputs(node) for node in graph.nodes.values()}
    readers: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for node in graph.nodes.values():
        for tensor in node.inputs:
            readers[producer_name(tensor)].append(node.name)
    ready = [node.name for node in graph.nodes.values() if not node.inputs]
    ordered = []
    while ready:
        name = ready.pop()
        ordered.append(graph.nodes[name])
        for reader in readers[name]:
            missing[reader] -= 1
            if missing[reader] == 0:
                ready.append(reader)
    if len(ordered) < len(graph.nodes):
        raise GraphError(f"{len(graph.nodes) - len(ordered)} nodes read each other in a circle")
    return ordered


def _count_inputs(node: Node) -> int:
    if node.op in MERGES:
        return 1 + len(node.control_inputs)
    return len(node.inputs)


def _debug_string(node: Node) -> str:
    """A Const's value as TensorFlow's Tensor::DebugString has it."""
    value = const_value(node)
    dtype = short_dtype(node.tensor("value").dtype)[0]
    shape = ",".join(map(str, value.shape))
    shown = _unshown(value) if dtype in UNSHOWN else summarize_value(value)
    return f"Tensor<type: {dtype} shape: [{shape}] values: {shown}>"


def _unshown(value: Array, limit: int = SHOWN_VALUES) -> str:
    """The values of a dtype that TensorFlow cannot print."""
    return " ".join("?" * min(limit, value.size)) + ("..." if value.size > limit else "")


def summarize_value(value: Array, limit: int = SHOWN_VALUES) -> str:
    """The first values, inner dimensions in brackets, and "..." for those left out."""
    left_out = "..." if value.size > limit else ""
    if value.ndim == 0:
        return _element(value[()])
    shown: list[str] = []
    _print_dimension(value, min(limit, value.size), [0], shown)
    return "".join(shown) + left_out


def _print_dimension(value: Array, limit: int, printed: list[int], shown: list[str], depth: int = 0) -> None:
    """Append the values of one dimension, and of those inside it, until the limit is reached."""
    if printed[0] >= limit:
        return
    if value.ndim == 1:
        for index, element in enumerate(value):
            if printed[0] >= limit:
                shown.append("..." if depth else "")
                return
            shown.append(f"{' ' if index else ''}{_element(element)}")
            printed[0] += 1
        return
    for part in value:
        if printed[0] >= limit:
            return
        shown.append("[")
        _print_dimension(part, limit, printed, shown, depth + 1)
        shown.append("]")


def _element(value: object) -> str:
    if isinstance(value, bytes):
        return _escaped(value)
    if isinstance(value, np.bool_):
        return str(int(value))
    if isinstance(value, np.integer):
        return str(int(value))
    return _float(np.asarray(value))


def _float(value: Array) -> str:
    fewer, all_digits = FLOAT_DIGITS.get(value.dtype.name, (6, 9))
    kind = np.float64 if value.dtype == np.float64 else np.float32
    number = kind(value)
    short = f"{float(number):.{fewer}g}"
    return short if kind(short) == number or np.isnan(number) else f"{float(number):.{all_digits}g}"


def _escaped(text: bytes) -> str:
    """A string as absl::Utf8SafeCEscape writes it."""
    plain = text.decode(errors="surrogateescape")
    return "".join(
        ESCAPES.get(char) or (char if char >= " " and char != "\x7f" else f"\\{ord(char):03o}") for char in plain
    )
