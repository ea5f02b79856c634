"""The only place that reads and writes GraphDef: messages and files, binary and text."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from octavo.errors import GraphError
from octavo.files import write_atomically
from octavo.graph.graph import Graph, Node
from octavo.graph.names import canonical
from octavo.runtime.tensorflow import import_tensorflow

MAX_GRAPH_BYTES = 2**31 - 1
"""protobuf refuses to write or read a message of 2 GiB or more."""


def from_def(graph_def: Any) -> Graph:
    """A Graph that shares the GraphDef's attribute messages (they are not copied).

    Raises:
        GraphError: on two nodes of one name, or an input that no node makes.
    """
    nodes = (Node(n.name, n.op, tuple(canonical(t) for t in n.input), dict(n.attr), n.device) for n in graph_def.node)
    library = graph_def.library if graph_def.HasField("library") else None
    versions = graph_def.versions if graph_def.HasField("versions") else None
    return Graph({}, library=library, versions=versions).with_nodes(nodes)


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
            made.attr[key].CopyFrom(node.attrs[key])
    return graph_def


def load_graph(path: str | Path) -> Graph:
    """Read a GraphDef file, binary or text (both are tried).

    Raises:
        GraphError: when the file is absent, empty, truncated, or not a GraphDef.
    """
    return from_def(read_graph_def(path))


def read_graph_def(path: str | Path) -> Any:
    """Read a GraphDef message, binary or text (both are tried). Raises as `load_graph` does."""
    from google.protobuf import text_format
    from google.protobuf.message import DecodeError

    import_tensorflow()
    from tensorflow.core.framework import graph_pb2

    file = Path(path).expanduser()
    try:
        content = file.read_bytes()
    except OSError as fault:
        raise GraphError(f"the graph file {str(file)!r} cannot be read: {fault.strerror}") from fault
    if not content:
        raise GraphError(f"the graph file {str(file)!r} is empty")
    graph_def = graph_pb2.GraphDef()
    try:
        graph_def.ParseFromString(content)
    except DecodeError:
        graph_def.Clear()
        try:
            text_format.Parse(content, graph_def)
        except (text_format.ParseError, UnicodeDecodeError) as fault:
            raise GraphError(
                f"the file {str(file)!r} ({len(content)} bytes) is no GraphDef, neither binary (truncated or of "
                f"another kind) nor text ({str(fault)[:80]})"
            ) from fault
    if not graph_def.node:
        raise GraphError(f"the graph file {str(file)!r} holds no nodes; wanted a GraphDef")
    return graph_def


def save_graph(graph: Graph, path: str | Path, *, as_text: bool = False) -> None:
    """Write a GraphDef file, whole or not at all; equal graphs give equal bytes.

    Raises:
        GraphError: when the graph is too large for one protobuf message (2 GiB).
    """
    from google.protobuf import text_format

    if as_text:
        content = text_format.MessageToString(to_def(graph)).encode()
        write_atomically(Path(path).expanduser(), content)
    else:
        write_atomically(Path(path).expanduser(), _serialized(graph))


def _serialized(graph: Graph) -> Iterator[bytes]:
    """A GraphDef's bytes, node by node: messages that stand one after the other in a file are read as one message."""
    nodes = (Graph({name: node}) for name, node in graph.nodes.items())
    rest = replace(graph, nodes={})
    total = 0
    for part in itertools.chain(nodes, [rest]):
        content = to_def(part).SerializeToString(deterministic=True)
        total += len(content)
        if total > MAX_GRAPH_BYTES:
            raise GraphError(f"the graph takes more than {MAX_GRAPH_BYTES:,} bytes, where a GraphDef file ends")
        yield content
