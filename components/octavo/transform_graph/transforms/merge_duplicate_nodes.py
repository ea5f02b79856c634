"""Merge nodes that compute the same: equal in type, attributes, device and inputs, and without state.

With the output `z`:

Before:
    x = Placeholder()
    a = Const() value=float32<2>[1, 2]
    b = Const() value=float32<2>[1, 2]
    s = Add(x, a)
    t = Add(x, b)
    z = Mul(s, t)
After:
    x = Placeholder()
    a = Const() value=float32<2>[1, 2]
    s = Add(x, a)
    z = Mul(s, s)

Graph outputs keep their names. Unlike in the original, Placeholders, what the caller feeds, and the nodes of loops and
conditionals are never merged.
"""

from __future__ import annotations

import hashlib

from octavo.graph import Graph, Node, is_control, producer_name, rewire
from octavo.graph.attr_proto import attr_bytes
from octavo.graph.op_defs import CONTROL_FLOW
from octavo.graph.registry import op_def
from octavo.graph.sort import execution_order

NEVER_MERGED = CONTROL_FLOW | {"Placeholder", "PlaceholderWithDefault", "PlaceholderV2", "_Arg"}


def merge_duplicate_nodes(graph: Graph) -> Graph:
    """Merge nodes that compute the same."""
    groups: dict[object, list[str]] = {}
    first: dict[str, str] = {}
    for node in execution_order(graph):
        if node.name in graph.input_names or not _mergeable(node):
            continue
        group = groups.setdefault(_identity(node, first), [])
        group.append(node.name)
        first[node.name] = group[0]
    merged: dict[str, str] = {}
    for group in groups.values():
        fetched = [name for name in group if name in graph.output_names]
        stays = fetched[0] if fetched else group[0]
        merged |= {name: stays for name in group if name != stays and name not in fetched}
    renames = {old: new for name, other in merged.items() for old, new in _tensors(graph, name, other)}
    return graph.with_nodes(rewire((n for n in graph.nodes.values() if n.name not in merged), renames))


def _mergeable(node: Node) -> bool:
    definition = op_def(node.op)
    return definition is not None and not definition.is_stateful and node.op not in NEVER_MERGED


def _identity(node: Node, first: dict[str, str]) -> object:
    """What is equal for nodes that compute the same; `first` names the first of the kind of each node before."""
    inputs = tuple(_moved(t, first) for t in node.data_inputs)
    controls = frozenset(_moved(t, first) for t in node.control_inputs)
    attrs = hashlib.sha256()
    for key in sorted(node.attrs):
        attrs.update(key.encode())
        attrs.update(hashlib.sha256(attr_bytes(node.attrs[key])).digest())
    return node.op, node.device, inputs, controls, attrs.digest()


def _moved(tensor: str, first: dict[str, str]) -> str:
    name = producer_name(tensor)
    return tensor.replace(name, first[name], 1) if name in first else tensor


def _tensors(graph: Graph, name: str, other: str) -> list[tuple[str, str]]:
    """Each tensor of a node that others read, and the same one of another node."""
    read = {t for user in graph.consumers[name] for t in user.inputs if producer_name(t) == name}
    return [(t, t.replace(name, other, 1)) for t in sorted(read | {name}) if not is_control(t)]
