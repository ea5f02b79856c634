"""Whether a summing conv may write over its summand.

The kernel adds in place: it takes the summand's buffer for its output and kills the process where it cannot. That is
safe only when nobody else holds the buffer by then: every other reader of the codes has run, which is certain of those
that the conv itself depends on.
"""

from __future__ import annotations

from octavo.graph.graph import Graph
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
    return bool(others) and not {user.name for user in others} <= graph.needed_by(chain.anchor.inputs)
