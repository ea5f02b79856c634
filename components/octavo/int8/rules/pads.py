"""Zeros around an image of codes.

TensorFlow pads eight-bit codes byte by byte. Zeros around the channels are written as a conv: ResNets widen their
shortcuts so. A 1x1 conv whose filter copies each channel to its new place does the same several times as fast, and
takes in the strides of a pool with a 1x1 window before it:

    Pad(MaxPool(x, window 1x1, stride s), channels (b, a))  =  Conv2D(x, w, stride s)        w[i, b + i] = 1, else 0

Input and output have one range, and the weight 1 is the code 127 of [-1, 1], so that every code stays what it was.

Zeros around rows and columns are written four codes at a time: what stands before the pool of a ResNet. TensorFlow pads
32-bit integers in vectors, some fifty times as fast as bytes. Four zero codes are one zero integer:

    Pad(x)  =  Reshape(Bitcast(Pad(Bitcast(Reshape(x, [-1, ..., channels / 4, 4])))), [-1, ..., channels])
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from octavo.graph.attrs import DType
from octavo.graph.graph import Node
from octavo.graph.miss import Miss
from octavo.graph.names import producer_name
from octavo.graph.tensors import Array, const_node
from octavo.int8.kernels import Operand, conv_kernel, made_filters
from octavo.int8.ops import Window, bitcast
from octavo.int8.rules.moving import on_codes
from octavo.int8.rules.pool import POOLS
from octavo.int8.rules.rule import Lowered, reads_codes, rule
from octavo.int8.site import Site

MOST_CHANNELS = 256
"""Channels that the conv may read: it multiplies each with every weight of a row, which grows past what a Pad costs."""

CODES = 4
"""Codes in a 32-bit integer."""


@rule(reads_codes("Pad"))
def channel_pad(site: Site, name: str, op: Node) -> Lowered:
    """A 1x1 conv, after its constants."""
    data = _data(site, op)
    before, read, after = _channels(site, op)
    output = site.output(name, data.span)
    pool = _picking_pool(site, op.data_inputs[0])
    strides: tuple[int, ...] = (1, 1, 1, 1)
    controls = op.control_inputs
    if pool is not None:
        data = site.operand(pool.data_inputs[0])
        strides = pool.integers("strides")
        controls = tuple(dict.fromkeys((*controls, *pool.control_inputs)))
    values = np.eye(read, before + read + after, before, dtype=np.float32)[None, None]
    filters, constants = made_filters(name, values, "HWIO")
    kernel = conv_kernel(
        name,
        data,
        filters,
        output,
        window=Window(strides, "VALID"),
        relu=output.span.dtype == "quint8",  # as Intel's ops write unsigned codes behind a Relu only
        target=site.target,
        controls=controls,
    )
    return Lowered([*constants, *kernel], data.span)


@rule(reads_codes("Pad"))
def packed_pad(site: Site, name: str, op: Node) -> Lowered:
    """The Pad and what surrounds it."""
    data = _data(site, op)
    shape, paddings = site.declared_shapes[op.data_inputs[0]], site.constant(op.data_inputs[1])
    if shape is None or paddings is None or not _packs(shape, paddings):
        raise Miss("its codes are not known to stay together in fours", at=op.name)
    sizes, dtype = np.array(shape[1:], np.int32), data.span.dtype
    grouped = const_node(f"{name}_grouped_shape", np.array([-1, *sizes[:-1], sizes[-1] // CODES, CODES], np.int32))
    wide = const_node(f"{name}_shape", np.array([-1, *(sizes + paddings[1:].sum(axis=1))], np.int32))
    integers = {"T": DType("int32"), "Tpaddings": op.attrs["Tpaddings"]}
    reshape = {"T": DType(dtype), "Tshape": DType("int32")}
    nodes = [
        grouped,
        wide,
        Node(f"{name}_grouped", "Reshape", (data.codes.tensor, grouped.name, *op.control_inputs), reshape),
        bitcast(f"{name}_integers", f"{name}_grouped", given=dtype, made="int32"),
        Node(f"{name}_padded", "Pad", (f"{name}_integers", op.inputs[1]), integers),
        bitcast(f"{name}_codes", f"{name}_padded", given="int32", made=dtype),
        Node(name, "Reshape", (f"{name}_codes", wide.name), reshape),
    ]
    return Lowered(nodes, data.span)


@rule(reads_codes("Pad"))
def pad(site: Site, name: str, op: Node) -> Lowered:
    """The same op on the codes."""
    data = _data(site, op)
    return Lowered([on_codes(op, name, data.codes.tensor, data.span.dtype)], data.span)


RULES = (channel_pad, packed_pad, pad)


def _data(site: Site, pad: Node) -> Operand:
    """What a Pad reads.

    Raises:
        Miss: when its zeros are not those of code 0.
    """
    data = site.operand(pad.data_inputs[0])
    if data.span.shift != 0.0:
        reason = f"{pad.name!r} pads with zeros, which code 0 of its input does not stand for"
        raise Miss(reason, at=pad.data_inputs[0])
    return data


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
    if pool.op not in POOLS or set(pool.integers("ksize")) != {1}:
        return None
    return pool if site.is_quantized(pool.data_inputs[0]) and site.is_read_once(tensor) else None


def _packs(shape: Sequence[int | None], paddings: Array) -> bool:
    """Whether a Pad of a tensor of a shape, of which only the first axis may be unknown, leaves fours together."""
    if len(shape) < 2 or None in shape[1:]:
        return False
    return not (shape[-1] or 0) % CODES and not np.any(paddings[[0, -1]]) and bool(np.all(paddings >= 0))
