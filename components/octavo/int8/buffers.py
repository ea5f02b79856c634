"""Whether a summing conv may write over its summand.

The kernel adds in place: it takes the summand's buffer for its output and kills the process where it cannot. That is
safe only when nobody else holds the buffer by then: every other reader of the codes has run, which is certain of those
that the conv itself depends on.
"""

from __future__ import annotations

from collections import deque

from octavo.graph.graph import Graph, Node
from octavo.graph.names import producer_name
from octavo.int8.chain import Chain

ALIASING = frozenset({"Reshape", "Squeeze", "StridedSlice", "Identity"})
"""Ops whose output may be a view of their input's buffer."""


def needs_private_copy(graph: Graph, chain: Chain) -> bool:
    """Whether the summand of a chain of a QDQ graph must be copied before the kernel adds to it."""
    assert chain.summand is not None
    assert chain.total is not None
    back = graph.nodes[producer_name(chain.summand)]
    quantize = graph.nodes[producer_name(back.data_inputs[0])]
    source = graph.nodes[producer_name(quantize.data_inputs[0])]
    if source.op in ALIASING:
        return True
    if any(user.name != back.name for user in graph.consumers[quantize.name]) or back.name in graph.output_names:
        return True
    others = [user for user in graph.consumers[back.name] if user.name != chain.total.name]
    if any(user.op in ALIASING for user in others):
        return True
    return not {user.name for user in others} <= _ancestors(graph, chain.anchor, {user.name for user in others})


def _ancestors(graph: Graph, node: Node, wanted: set[str]) -> set[str]:
    """Those of the wanted nodes that `node` depends on."""
    found: set[str] = set()
    seen: set[str] = set()
    todo = deque(producer_name(t) for t in node.inputs)
    while todo and found != wanted:
        name = todo.popleft()
        if name in seen:
            continue
        seen.add(name)
        if name in wanted:
            found.add(name)
        todo.extend(producer_name(t) for t in graph.nodes[name].inputs)
    return found
