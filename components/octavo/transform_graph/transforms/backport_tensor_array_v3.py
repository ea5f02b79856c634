"""Write tensor arrays as version 2 of their ops, for TensorFlow before 1.0.

Before:
    size = Const() value=int32<>[2]
    index = Const() value=int32<>[0]
    x = Placeholder()
    array = TensorArrayV3(size) dtype=float32 identical_element_shapes=true
    write = TensorArrayWriteV3(array, index, x, array:1)
    y = TensorArrayReadV3(array, index, write) dtype=float32
After:
    size = Const() value=int32<>[2]
    index = Const() value=int32<>[0]
    x = Placeholder()
    array = TensorArrayV2(size) dtype=float32
    array/replacement_flow_node = Const(^array) value=float32<>[1]
    write = TensorArrayWriteV2(array, index, x, array/replacement_flow_node)
    y = TensorArrayReadV2(array, index, write) dtype=float32

Version 2 has no flow output: a constant stands in for it. Its handle is a string rather than a resource, so that the
ops that hand it on, into loops or through Identity, change their type with it, and it has no identical_element_shapes.
The original leaves both as they are, in graphs that do not load. Today's TensorFlow takes version 2 in graphs of
version 25 and below only: a later producer's version becomes 25.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Any

import numpy as np

from octavo.graph import Graph, Node, const_node, output_index, producer_name, rewire
from octavo.graph.attrs import DType
from octavo.graph.names import fresh_name
from octavo.graph.op_defs import CONTROL_FLOW

MAKERS = frozenset({"TensorArrayV3", "TensorArrayGradV3"})
USERS = frozenset(
    f"TensorArray{what}V3" for what in ("Write", "Read", "Gather", "Scatter", "Concat", "Split", "Size", "Close")
)
CARRIERS = CONTROL_FLOW | {"Identity", "StopGradient", "Snapshot"}
"""Op types that hand a handle on; their attribute T is its type."""

NEWEST = 25
"""The last version of GraphDef whose graphs may hold tensor arrays of version 2."""


def backport_tensor_array_v3(graph: Graph) -> Graph:
    """Write tensor arrays as version 2 of their ops."""
    makers = [name for name, node in graph.nodes.items() if node.op in MAKERS]
    if not makers:
        return graph
    flows = {name: fresh_name(f"{name}/replacement_flow_node", graph.nodes) for name in makers}
    carriers = _carriers(graph, makers)
    nodes = []
    for node in rewire(graph.nodes.values(), {f"{name}:1": flow for name, flow in flows.items()}):
        nodes.append(node.with_attrs(T=DType("string")) if node.name in carriers else _version_2(node))
        if node.name in flows:
            nodes.append(replace(const_node(flows[node.name], np.float32(1)), inputs=(f"^{node.name}",)))
    return replace(graph.with_nodes(nodes), versions=_old(graph.versions))


def _carriers(graph: Graph, makers: list[str]) -> set[str]:
    """The names of the nodes that hand on the handles that some nodes make."""
    found: set[str] = set()
    todo = deque(makers)
    while todo:
        name = todo.popleft()
        for reader in graph.consumers[name]:
            carried = any(producer_name(t) == name and output_index(t) in _handles(graph, name) for t in reader.inputs)
            if carried and reader.op in CARRIERS and reader.name not in found:
                found.add(reader.name)
                todo.append(reader.name)
    return found


def _handles(graph: Graph, name: str) -> tuple[int, ...]:
    """Which outputs of a node are handles: all of a Switch, the first of any other."""
    return (0, 1) if graph.nodes[name].op in CONTROL_FLOW else (0,)


def _version_2(node: Node) -> Node:
    if node.op not in MAKERS | USERS:
        return node
    attrs = {key: value for key, value in node.attrs.items() if key != "identical_element_shapes"}
    return replace(node, op=f"{node.op[:-1]}2", attrs=attrs)


def _old(versions: Any) -> Any:
    """The versions with a producer that may use version 2 of the ops."""
    if versions is None or versions.producer <= NEWEST:
        return versions
    old = type(versions)()
    old.CopyFrom(versions)
    old.producer = NEWEST
    return old
