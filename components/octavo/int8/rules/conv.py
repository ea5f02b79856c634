"""A conv, its bias, a sum and a Relu are one kernel, which takes a Pad before it in as well."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from octavo.graph.graph import Node
from octavo.graph.miss import Miss
from octavo.graph.names import fresh_name, producer_name
from octavo.graph.tensors import const_value
from octavo.int8.buffers import needs_private_copy
from octavo.int8.chain import CONVS, Chain
from octavo.int8.checks import is_padded
from octavo.int8.kernels import Filters, Operand, conv_kernel, filters_of, output_span
from octavo.int8.ops import Window, private_copy
from octavo.int8.rules.paired_columns import Pairs, in_pairs, may_pair
from octavo.int8.rules.rule import Lowered, rule
from octavo.int8.site import Site
from octavo.int8.spans import Span


@rule(lambda site, op: site.ends_chain(op, CONVS))
def conv(site: Site, name: str, op: Node) -> Lowered:
    """One kernel; an image's conv may read pairs of columns."""
    chain = site.chains[op.name]
    filters = filters_of(site.graph, chain.anchor)
    tensor, pads = _unpadded(site, chain.anchor)
    data = site.operand(tensor)
    if data.span.shift != 0.0 and (any(pads) or is_padded(chain.anchor, filters.values.shape)):
        raise Miss("it pads with zeros, which code 0 of its input does not stand for", at=tensor)
    span = output_span(chain.activation, site.spans[name])
    summand = _summand(site, chain, span)
    window = _window(chain.anchor, pads)
    before = []
    if pairs := _in_pairs(site, name, tensor, data, filters, window):
        data, filters, window = replace(data, codes=pairs.data), replace(filters, codes=pairs.filters), pairs.window
        before = pairs.nodes
    output = site.output(name, span)
    if summand is not None and needs_private_copy(site.graph, chain):
        copy = private_copy(fresh_name(f"{name}_summand", site.graph.nodes), summand.codes)
        before = [copy, *before]
        summand = replace(summand, codes=replace(summand.codes, tensor=copy.name))
    kernel = conv_kernel(
        name,
        data,
        filters,
        output,
        window=window,
        relu=chain.activation is not None,
        target=site.target,
        bias=chain.bias,
        summand=summand,
        controls=chain.control_inputs,
    )
    return Lowered([*before, *kernel], span)


RULES = (conv,)


def _unpadded(site: Site, anchor: Node) -> tuple[str, tuple[int, ...]]:
    """A conv's data input, past a Pad that only it reads; and the Pad's eight numbers."""
    tensor = anchor.data_inputs[0]
    if anchor.text("padding") != "VALID" or not site.is_quantized(tensor):
        return tensor, ()
    pad = site.graph.nodes[producer_name(site.quantizer(tensor).data_inputs[0])]
    if pad.op != "Pad" or not site.is_quantized(pad.data_inputs[0]) or len(site.graph.consumers[tensor]) != 1:
        return tensor, ()
    paddings = site.constant(pad.data_inputs[1])
    if paddings is None or np.any(paddings[0]) or np.any(paddings[3]):
        return tensor, ()
    return pad.data_inputs[0], tuple(int(n) for n in paddings.reshape(-1))


def _summand(site: Site, chain: Chain, span: Span) -> Operand | None:
    """What the kernel adds, when it can."""
    if chain.summand is None or chain.total is None:
        return None
    summand = site.operand(chain.summand)
    first, second = (site.shapes[tensor] for tensor in chain.total.data_inputs)
    if first is None or first != second:
        raise Miss("the kernels add summands of the output's shape only", at=chain.total.name)
    if summand.span.dtype != "quint8":
        raise Miss("its summand is signed; the kernels add unsigned summands only", at=chain.summand)
    if span.dtype != "quint8":
        raise Miss("its sum is signed and has no shift; the kernels add before a Relu only", at=chain.total.name)
    return summand


def _window(anchor: Node, pads: tuple[int, ...]) -> Window:
    """Where a conv looks, behind a Pad by `pads`."""
    padding = anchor.text("padding")
    explicit = anchor.integers("explicit_paddings") if padding == "EXPLICIT" else pads
    dilations = anchor.integers("dilations") or (1, 1, 1, 1)
    return Window(anchor.integers("strides"), padding, dilations, explicit)


def _in_pairs(site: Site, name: str, tensor: str, data: Operand, filters: Filters, window: Window) -> Pairs | None:
    """What a conv of an image reads on pairs of columns; None where these are no gain."""
    if filters.layout != "HWIO" or site.target != "fused" or not may_pair(window, filters.values.shape):
        return None
    codes = const_value(site.graph.nodes[filters.codes.tensor])
    return in_pairs(name, data.codes, site.declared_shapes[tensor], filters.codes, codes, window)
