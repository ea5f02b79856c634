"""Zeros around the channels, written as a conv: ResNets widen their shortcuts so.

TensorFlow pads eight-bit codes byte by byte. A 1x1 conv whose filter copies each channel to its new place does the same
several times as fast, and takes in the strides of a pool with a 1x1 window before it:

    Pad(MaxPool(x, window 1x1, stride s), channels (b, a))  =  Conv2D(x, w, stride s)        w[i, b + i] = 1, else 0

Input and output have one range, and the weight 1 is the code 127 of [-1, 1], so that every code stays what it was.
"""

from __future__ import annotations

import numpy as np

from octavo.graph.graph import Node
from octavo.graph.miss import Miss
from octavo.graph.names import producer_name
from octavo.graph.tensors import const_node
from octavo.int8.kernels import Filters, conv_kernel
from octavo.int8.ops import Codes, Window
from octavo.int8.rules.pads import padded, pads_codes
from octavo.int8.rules.pool import POOLS
from octavo.int8.rules.rule import Lowered, rule
from octavo.int8.site import Site

MOST_CHANNELS = 256
"""Channels that the conv may read: it multiplies each with every weight of a row, which grows past what a Pad costs."""


@rule(pads_codes)
def channel_pad(site: Site, name: str, op: Node) -> Lowered:
    """A 1x1 conv, after its constants."""
    data = padded(site, op)
    before, read, after = _channels(site, op)
    output = site.output(name, data.span)
    pool = _picking_pool(site, op.data_inputs[0])
    strides: tuple[int, ...] = (1, 1, 1, 1)
    controls = op.control_inputs
    if pool is not None:
        data = site.operand(pool.data_inputs[0])
        strides = tuple(pool.attrs["strides"].list.i)
        controls = tuple(dict.fromkeys((*controls, *pool.control_inputs)))
    values = np.eye(read, before + read + after, before, dtype=np.float32)[None, None]
    codes = const_node(f"{name}_filter", (values * 127).astype(np.int8), "qint8")
    low, high = const_node(f"{name}_filter_low", np.float32(-1)), const_node(f"{name}_filter_high", np.float32(1))
    kernel = conv_kernel(
        name,
        data,
        Filters(Codes(codes.name, low.name, high.name, "qint8"), values, "HWIO"),
        output,
        window=Window(strides, "VALID"),
        relu=output.span.dtype == "quint8",  # as Intel's ops write unsigned codes behind a Relu only
        target=site.target,
        controls=controls,
    )
    return Lowered([codes, low, high, *kernel], data.span)


RULES = (channel_pad,)


def _channels(site: Site, pad: Node) -> tuple[int, int, int]:
    """The channels that a Pad adds before those that it reads, reads, and adds after them, when it adds no more."""
    shape, paddings = site.shapes[pad.data_inputs[0]], site.constant(pad.data_inputs[1])
    if paddings is None or shape is None or len(shape) != 4 or shape[3] is None or shape[3] > MOST_CHANNELS:
        raise Miss(f"what it pads is not known to be images of at most {MOST_CHANNELS} channels", at=pad.name)
    if np.any(paddings[:3]) or not np.any(paddings[3]):
        raise Miss("it pads more than channels", at=pad.name)
    return int(paddings[3][0]), shape[3], int(paddings[3][1])


def _picking_pool(site: Site, tensor: str) -> Node | None:
    """The pool behind a tensor of codes that nothing else reads, when it has a window of 1x1: it leaves pixels out."""
    pool = site.graph.nodes[producer_name(site.quantizer(tensor).data_inputs[0])]
    if pool.op not in POOLS or set(pool.attrs["ksize"].list.i) != {1}:
        return None
    return pool if site.is_quantized(pool.data_inputs[0]) and site.is_read_once(tensor) else None
