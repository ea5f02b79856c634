"""The text form of graphs, a node a line; for docstrings, tests, dry runs and bug reports.

    x = Placeholder() dtype=float32 shape=<?,224,224,3>
    w = Const() value=float32<2,2>[1, 2, 3, 4]
    y = MatMul(x, w, ^init) T=float32 transpose_b=false @"/device:CPU:0"

Attribute values:

    float32            a dtype                       [float32, qint8]   a list of dtypes
    3                  an integer                    [1, 2, 2, 1]       a list of integers
    0.5                a float32                     [0.5, 1.0]         a list of floats
    true               a boolean                     [true, false]      a list of booleans
    "SAME"             a string                      ["a", "b"]         a list of strings
    <?,224,224,3>      a shape; <> is a scalar's, <...> is of unknown rank
    float32<2>[1, 2]   a tensor, in C order; one value fills any shape; a Const's dtype is its value's
    {func { ... }}     anything else, as protobuf text

A long tensor is written with a checksum in the place of its values, `float32<1001>[#e2f0a4c1]`, and cannot
be read back.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from octavo.errors import GraphError
from octavo.graph.attr_proto import attr_from_text, attr_to_text, tensor_of, write_attr
from octavo.graph.attrs import DType, Tensor, TensorShape, named_dtype, plain_of
from octavo.graph.graph import Graph, Node
from octavo.graph.names import canonical
from octavo.graph.tensors import const_value

LONGEST_TENSOR = 16
"""Elements of the longest tensor that is written out."""

UNWRITTEN = frozenset({"", "string", "resource", "variant", "complex64", "complex128"})
"""The dtypes of tensors that only protobuf's own text can say."""

_STRING = r'"(?:[^"\\]|\\.)*"'
_LINE = re.compile(rf"(?P<name>[^\s=]+) = (?P<op>\w+)\((?P<inputs>[^)]*)\)(?P<attrs>.*?)(?: @(?P<device>{_STRING}))?")
_KEY = re.compile(r"\s+(?P<key>\w+)=")
_VALUE = re.compile(rf"{_STRING}|\w*<[^>]*>(?:\[[^\]]*\])?|\[(?:{_STRING}|[^\]\"])*\]|[^\s\[<{{\"]+")
_BRACES = re.compile(rf"{_STRING}|[{{}}]")
_TENSOR = re.compile(r"(?P<dtype>\w+)<(?P<shape>[\d,]*)>\[(?P<values>[^\]]*)\]")
_SHAPE = re.compile(r"<(?P<sizes>[\d,?]*|\.\.\.)>")


def to_text(graph: Graph) -> str:
    """The text form of a graph."""
    return "\n".join(map(node_text, graph.nodes.values()))


def node_text(node: Node) -> str:
    """The text form of a node, attributes in the order of their names."""
    shown = {key: _write(node.attrs[key]) for key in sorted(node.attrs)}
    if node.op == "Const" and shown.get("value", "").startswith(f"{shown.get('dtype')}<"):
        del shown["dtype"]
    words = [f"{node.name} = {node.op}({', '.join(node.inputs)})", *(f"{k}={v}" for k, v in shown.items())]
    return " ".join([*words, f"@{json.dumps(node.device)}"] if node.device else words)


def parse_graph(text: str, *, inputs: Sequence[str] = (), outputs: Sequence[str] = ()) -> Graph:
    """The graph that a text says; blank lines and indentation do not matter.

    Raises:
        GraphError: naming the line that cannot be read, or the name that no node has.
    """
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1))
    nodes = [_parse_line(line, number) for number, line in lines if line]
    return Graph({}).with_nodes(nodes).with_ends(inputs, outputs)


def _parse_line(line: str, number: int) -> Node:
    found = _LINE.fullmatch(line)
    if found is None:
        raise GraphError(f"graph text, line {number}: wanted 'name = Op(inputs) key=value', got {line!r}")
    inputs = tuple(canonical(t.strip()) for t in found["inputs"].split(",") if t.strip())
    try:
        attributes = dict(_parse_attrs(found["attrs"]))
    except (ValueError, TypeError, KeyError) as fault:
        raise GraphError(f"graph text, line {number}: {fault}") from fault
    if found["op"] == "Const" and "value" in attributes:
        attributes.setdefault("dtype", DType(attributes["value"].dtype))
    return Node(found["name"], found["op"], inputs, attributes, json.loads(found["device"] or '""'))


def _parse_attrs(text: str) -> Iterator[tuple[str, Any]]:
    at, text = 0, text.rstrip()
    while at < len(text):
        key = _KEY.match(text, at)
        end = _end_of_value(text, key.end()) if key else None
        if key is None or end is None:
            raise ValueError(f"wanted key=value, got {text[at:].strip()!r}")
        yield key["key"], _checked(_read(text[key.end() : end]))
        at = end


def _end_of_value(text: str, start: int) -> int | None:
    if not text.startswith("{", start):
        found = _VALUE.match(text, start)
        return found.end() if found else None
    depth = 0
    for token in _BRACES.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(token[0], 0)
        if depth == 0:
            return token.end()
    return None


def _checked(value: Any) -> Any:
    """The value, when an attribute can hold it."""
    write_attr(value)
    return value


def _read(text: str) -> Any:
    """The attribute value that a text says."""
    if text.startswith("{"):
        return attr_from_text(text[1:-1])
    if tensor := _TENSOR.fullmatch(text):
        return _read_tensor(tensor)
    if shape := _SHAPE.fullmatch(text):
        return _read_shape(shape["sizes"])
    if text.startswith("["):
        return tuple(_read_scalar(word) for word in re.findall(rf"{_STRING}|[^\s,]+", text[1:-1]))
    return _read_scalar(text)


def _read_scalar(text: str) -> Any:
    if text.startswith('"'):
        return json.loads(text)
    if text in {"true", "false"}:
        return text == "true"
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    if re.fullmatch(r"-?(\d.*|inf|nan)", text):
        return float(np.float32(text))
    return named_dtype(text)


def _read_shape(sizes: str) -> TensorShape:
    if sizes == "...":
        return TensorShape(unknown_rank=True)
    return TensorShape(tuple(None if size == "?" else int(size) for size in sizes.split(",") if size))


def _read_tensor(found: re.Match[str]) -> Any:
    import tensorflow as tf

    if found["values"].startswith("#"):
        raise ValueError(f"{found[0]} is an abbreviation; wanted the tensor's values")
    shape = [int(size) for size in found["shape"].split(",") if size]
    dtype = np.dtype(tf.dtypes.as_dtype(found["dtype"]).as_numpy_dtype)
    dtype = dtype[0] if dtype.names else dtype
    readers: dict[str, Callable[[str], Any]] = {"b": "true".__eq__, "i": int, "u": int}
    read = readers.get(dtype.kind, float)
    values = np.array([read(word.strip()) for word in found["values"].split(",") if word.strip()], dtype)
    filled = values.reshape(shape) if values.size == math.prod(shape) else np.broadcast_to(values, shape)
    return tensor_of(filled, found["dtype"])


def _write(value: Any) -> str:
    """The text of an attribute value."""
    plain = plain_of(value)
    if isinstance(plain, tuple):
        words = [_write_scalar(element) for element in plain]
        return f"{{{attr_to_text(value)}}}" if None in words else f"[{', '.join(filter(None, words))}]"
    if isinstance(plain, Tensor) and plain.dtype not in UNWRITTEN:
        return _write_tensor(plain)
    word = _write_shape(plain.known) if isinstance(plain, TensorShape) else _write_scalar(plain)
    return f"{{{attr_to_text(value)}}}" if word is None else word


def _write_scalar(value: Any) -> str | None:
    """The text of a scalar; None where only protobuf's own text can say it."""
    match value:
        case DType():
            return str(value)
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case float():
            return str(np.float32(value))
        case str():
            return json.dumps(value)
        case _:
            return None


def _write_shape(shape: tuple[int | None, ...] | None) -> str:
    if shape is None:
        return "<...>"
    return f"<{','.join('?' if size is None else str(size) for size in shape)}>"


def _write_tensor(value: Tensor) -> str:
    array = const_value(Node("", "Const", (), {"value": value}))
    head = f"{value.dtype}<{','.join(map(str, array.shape))}>"
    if array.size > LONGEST_TENSOR:
        return f"{head}[#{zlib.crc32(np.ascontiguousarray(array).tobytes()):08x}]"
    words = (str(element).lower().removesuffix(".0") for element in array.flat)
    return f"{head}[{', '.join(words)}]"
