"""A pool is one of codes, of the same range."""

from __future__ import annotations

from octavo.graph.graph import Node
from octavo.int8.ops import Window, quantized_pool
from octavo.int8.rules.average import MARK
from octavo.int8.rules.rule import Lowered, reads_codes, rule
from octavo.int8.site import Site

POOLS = frozenset({"MaxPool", "AvgPool"})
"""The ops that have a kernel on codes, `Quantized` before their names."""


@rule(lambda site, op: reads_codes(*POOLS)(site, op) and MARK not in op.attrs)
def pool(site: Site, name: str, op: Node) -> Lowered:
    """QuantizedMaxPool or QuantizedAvgPool."""
    data = site.operand(op.data_inputs[0])
    window = Window(op.integers("strides"), op.text("padding"))
    kernel = quantized_pool(name, op.op, data.codes, ksize=op.integers("ksize"), window=window)
    return Lowered([kernel], data.span)


RULES = (pool,)
