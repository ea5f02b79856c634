"""Buffers that a summing conv may write over.

The conv takes its summand's buffer for its result, and kills the process where anyone else still holds it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Set as AbstractSet

from octavo.graph import Node, producer_name
from octavo.graph.workspace import Workspace
from octavo.int8.buffers import ALIASING
from octavo.int8.ops import Codes, private_copy

HOLDING = ALIASING | {"Const", "Placeholder", "PlaceholderWithDefault", "IdentityN", "QuantizedReshape", "ExpandDims"}
"""Ops whose result may stand in a buffer that others hold."""


def private_codes(space: Workspace, conv: Node, back: Node, name: str) -> tuple[Codes, tuple[Node, ...]]:
    """The codes behind a Dequantize that a conv adds, and a copy of them where others may still read them.

    Args:
        space: the graph.
        conv: the node that adds.
        back: the Dequantize.
        name: what a copy is called.
    """
    tensor, low, high = back.data_inputs
    codes = Codes(tensor, low, high, "quint8")
    maker = space.producer(tensor)
    others = {n.name for n in (*space.readers(maker.name), *space.readers(back.name))} - {conv.name, back.name}
    fetched = {maker.name, back.name} & (space.output_names | space.input_names)
    aliased = any(space.nodes[other].op in ALIASING for other in others)
    if maker.op not in HOLDING and not fetched and not aliased and others <= _ancestors(space, conv, others):
        return codes, ()
    copy = private_copy(space.fresh_name(name), codes)
    return Codes(copy.name, f"{copy.name}:1", f"{copy.name}:2", "quint8"), (copy,)


def _ancestors(space: Workspace, node: Node, wanted: AbstractSet[str]) -> set[str]:
    """Those of the wanted nodes that the data of a conv depend on: they have run before it does."""
    found: set[str] = set()
    seen: set[str] = set()
    todo = deque([producer_name(node.data_inputs[0])])
    while todo and found != wanted:
        name = todo.popleft()
        if name in seen:
            continue
        seen.add(name)
        if name in wanted:
            found.add(name)
        todo.extend(producer_name(t) for t in space.nodes[name].inputs)
    return found
