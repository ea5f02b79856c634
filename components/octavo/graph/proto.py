"""The only place that reads and writes GraphDef: messages and files, binary and text."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from octavo.errors import GraphError
from octavo.files import expanded, write_atomically
from octavo.graph.attr_proto import read_attrs, write_attr
from octavo.graph.file_kinds import SAVED_MODEL, is_saved_model, why_no_graph
from octavo.graph.graph import Graph, Node
from octavo.graph.names import canonical
from octavo.tensorflow import import_tensorflow

MAX_GRAPH_BYTES = 2**31 - 1
"""protobuf refuses to write or read a message of 2 GiB or more."""


def from_def(graph_def: Any) -> Graph:
    """A Graph that shares the GraphDef's tensors (they are not copied).

    Raises:
        GraphError: on two nodes of one name, or an input that no node makes.
    """
    nodes = (Node(n.name, n.op, tuple(map(_tensor, n.input)), read_attrs(n.attr), n.device) for n in graph_def.node)
    library = graph_def.library if graph_def.HasField("library") else None
    versions = graph_def.versions if graph_def.HasField("versions") else None
    return Graph({}, library=library, versions=versions).with_nodes(nodes)


def _tensor(text: str) -> str:
    """An input's name in its one spelling."""
    if ":" in text and not text.partition(":")[2].isdecimal():
        raise GraphError(f"{text!r} is no name of a tensor; wanted one like 'node', 'node:1' or '^node'")
    return canonical(text)


def to_def(graph: Graph) -> Any:
    """The GraphDef message of a graph, nodes in the graph's order."""
    import_tensorflow()
    from tensorflow.core.framework import graph_pb2

    graph_def = graph_pb2.GraphDef()
    if graph.library is not None:
        graph_def.library.CopyFrom(graph.library)
    if graph.versions is not None:
        graph_def.versions.CopyFrom(graph.versions)
    for node in graph.nodes.values():
        made = graph_def.node.add(name=node.name, op=node.op, device=node.device)
        made.input.extend(node.inputs)
        for key in sorted(node.attrs):
            made.attr[key].CopyFrom(write_attr(node.attrs[key]))
    return graph_def


def load_graph(path: str | Path) -> Graph:
    """Read a GraphDef file, binary or text (both are tried).

    Raises:
        GraphError: when the file is absent, empty, truncated, of 2 GiB or more, or not a GraphDef.
    """
    graph_def = read_graph_def(path)
    try:
        return from_def(graph_def)
    except GraphError as fault:
        raise GraphError(f"{fault}, in the graph file {str(path)!r}") from fault


def read_graph_def(path: str | Path) -> Any:
    """Read a GraphDef message, binary or text (both are tried). Raises as `load_graph` does."""
    from google.protobuf import text_format
    from google.protobuf.message import DecodeError

    import_tensorflow()
    from tensorflow.core.framework import graph_pb2

    file = expanded(path)
    content = _content(file)
    graph_def = graph_pb2.GraphDef()
    try:
        graph_def.ParseFromString(content)
    except DecodeError:
        graph_def.Clear()
        try:
            text_format.Parse(content, graph_def)
        except (text_format.ParseError, UnicodeDecodeError, RecursionError) as fault:
            why = why_no_graph(content, str(fault))
            raise GraphError(f"the file {str(file)!r} ({len(content):,} bytes) is no GraphDef: {why}") from fault
    if not graph_def.node:
        kind = f"; {SAVED_MODEL}" if is_saved_model(content) else ""
        raise GraphError(f"the graph file {str(file)!r} holds no nodes; wanted a GraphDef{kind}")
    return graph_def


def _content(file: Path) -> bytes:
    """The bytes of a graph file, which are looked at only when they can be those of one."""
    try:
        size = file.stat().st_size
        if size > MAX_GRAPH_BYTES:
            raise GraphError(
                f"the graph file {str(file)!r} has {size:,} bytes; a GraphDef ends at {MAX_GRAPH_BYTES:,}: keep the "
                "variables in a checkpoint or a SavedModel"
            )
        content = file.read_bytes()
    except OSError as fault:
        raise GraphError(f"the graph file {str(file)!r} cannot be read: {fault.strerror}") from fault
    if not content:
        raise GraphError(f"the graph file {str(file)!r} is empty")
    return content


def save_graph(graph: Graph, path: str | Path, *, as_text: bool = False) -> None:
    """Write a GraphDef file, whole or not at all; equal graphs give equal bytes.

    Raises:
        GraphError: when the graph is too large for one protobuf message (2 GiB), or the file cannot be written.
    """
    from google.protobuf import text_format

    file = expanded(path)
    if as_text:
        message = to_def(graph)
        if message.ByteSize() > MAX_GRAPH_BYTES:
            raise GraphError(_too_large())
        _write(file, text_format.MessageToString(message).encode())
    else:
        _write(file, _serialized(graph))


def _write(file: Path, content: bytes | Iterator[bytes]) -> None:
    try:
        write_atomically(file, content)
    except OSError as fault:
        raise GraphError(f"the graph file {str(file)!r} cannot be written: {fault.strerror}") from fault


def _serialized(graph: Graph) -> Iterator[bytes]:
    """A GraphDef's bytes, node by node: messages that stand one after the other in a file are read as one message."""
    nodes = (Graph({name: node}) for name, node in graph.nodes.items())
    rest = replace(graph, nodes={})
    total = 0
    for part in itertools.chain(nodes, [rest]):
        content = to_def(part).SerializeToString(deterministic=True)
        total += len(content)
        if total > MAX_GRAPH_BYTES:
            raise GraphError(_too_large())
        yield content


def _too_large() -> str:
    return f"the graph takes more than {MAX_GRAPH_BYTES:,} bytes, where a GraphDef file ends"
