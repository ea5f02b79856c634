"""How a float tensor is stored in eight bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from octavo.graph.graph import Graph, Node
from octavo.graph.names import producer_name
from octavo.graph.tensors import const_value
from octavo.int8.chain import Chain, const_behind
from octavo.int8.checks import is_padded
from octavo.int8.ops import Mode

if TYPE_CHECKING:
    from octavo.quantize_graph.plan import Plan


@dataclass(frozen=True, slots=True)
class Encoding:
    """The code's dtype, and QuantizeV2's mode: SCALED has zero at code 0, MIN_FIRST has the range's low end there."""

    dtype: str
    mode: Mode


UNSIGNED = Encoding("quint8", "SCALED")
SHIFTED = Encoding("quint8", "MIN_FIRST")
SIGNED = Encoding("qint8", "SCALED")


def encode(positive: bool, *, shiftable: bool) -> Encoding:
    """The best encoding: unsigned when never negative, else shifted when that is possible, else signed.

    A shifted tensor spends all 256 codes on [low, high]; a signed one spends 255 on [-max, max].
    """
    if positive:
        return UNSIGNED
    return SHIFTED if shiftable else SIGNED


def tolerates_shift(graph: Graph, tensor: str, chain: Chain, plan: Plan) -> bool:
    """Whether a conv's signed output may be stored with its low end at code 0.

    The conv adds -low to its bias, so the output is never negative. Every INT8 reader must be able to take -low out
    again through its own bias: unpadded convs and matmuls (padding would put a 0 where low belongs), and sums.
    """
    if chain.anchor.op == "MatMul":
        return False
    return all(_reader_tolerates(graph, tensor, reader, plan) for reader in graph.consumers[producer_name(tensor)])


def _reader_tolerates(graph: Graph, tensor: str, reader: Node, plan: Plan) -> bool:
    if reader.name in plan.carriers:
        return False
    chain = plan.chains.get(reader.name)
    if chain is None or tensor not in reader.data_inputs[:1]:
        return True
    if chain.anchor.op == "MatMul":
        return True
    weights = const_behind(graph, chain.anchor.data_inputs[1])
    return weights is not None and not is_padded(chain.anchor, const_value(weights).shape)
