"""A Pad with zeros is one of codes where code 0 stands for zero."""

from __future__ import annotations

from octavo.graph.graph import Node
from octavo.graph.miss import Miss
from octavo.int8.kernels import Operand
from octavo.int8.rules.moving import on_codes
from octavo.int8.rules.rule import Lowered, rule
from octavo.int8.site import Site


def pads_codes(site: Site, op: Node) -> bool:
    """Whether an op is a Pad behind a Dequantize of a known span."""
    return op.op == "Pad" and site.is_quantized(op.data_inputs[0])


def padded(site: Site, pad: Node) -> Operand:
    """What a Pad reads.

    Raises:
        Miss: when its zeros are not those of code 0.
    """
    data = site.operand(pad.data_inputs[0])
    if data.span.shift != 0.0:
        reason = f"{pad.name!r} pads with zeros, which code 0 of its input does not stand for"
        raise Miss(reason, at=pad.data_inputs[0])
    return data


@rule(pads_codes)
def pad(site: Site, name: str, op: Node) -> Lowered:
    """The same op on the codes."""
    data = padded(site, op)
    return Lowered([on_codes(op, name, data.codes.tensor, data.span.dtype)], data.span)


RULES = (pad,)
