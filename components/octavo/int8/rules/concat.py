"""A concat is one of codes, which rescales its parts to the widest range of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from octavo.graph.graph import Node
from octavo.graph.miss import Miss
from octavo.graph.tensors import const_node
from octavo.int8.ops import quantized_concat
from octavo.int8.rules.rule import Lowered, rule
from octavo.int8.site import Site


@rule(lambda _, op: op.op == "ConcatV2")
def concat(site: Site, name: str, op: Node) -> Lowered:
    """QuantizedConcatV2."""
    axis = site.constant(op.data_inputs[-1])
    if axis is None:
        raise Miss("its axis is not a Const", at=op.data_inputs[-1])
    parts = [site.operand(t) for t in op.data_inputs[:-1]]
    spans = [part.span for part in parts]
    if len({(span.dtype, span.shift) for span in spans}) > 1:
        raise Miss("its inputs are partly signed, partly not", at=op.name)
    widest = replace(spans[0], low=min(s.low for s in spans), high=max(s.high for s in spans))
    const = const_node(f"{name}_axis", axis.astype(np.int32))  # the kernel reads no other
    return Lowered([const, quantized_concat(name, [part.codes for part in parts], const.name)], widest)


RULES = (concat,)
