"""Zeros around the channels, written as a conv: ResNets widen their shortcuts so.

TensorFlow pads eight-bit codes byte by byte. A 1x1 conv whose filter copies each channel to its new place does the same
several times as fast, and takes in the strides of a pool with a 1x1 window before it:

    Pad(MaxPool(x, window 1x1, stride s), channels (b, a))  =  Conv2D(x, w, stride s)        w[i, b + i] = 1, else 0

Input and output have one range, and the weight 1 is the code 127 of [-1, 1], so that every code stays what it was.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from octavo.graph.attrs import int_list_attr, string_attr
from octavo.graph.graph import Graph, Node
from octavo.graph.tensors import const_node, const_value
from octavo.int8.activations import Activation
from octavo.int8.chain import Chain, const_behind
from octavo.int8.kernels import Filters, Operand, Target, conv_kernel, window_of
from octavo.int8.ops import Codes
from octavo.runtime.shapes import Shape

MOST_CHANNELS = 256
"""Channels that the conv may read: it multiplies each with every weight of a row, which grows past what a Pad costs."""


@dataclass(frozen=True, slots=True)
class Channels:
    """The channels that a Pad adds before and after those it reads."""

    before: int
    read: int
    after: int


def padded_channels(graph: Graph, pad: Node, shape: Shape) -> Channels | None:
    """What a Pad adds to a tensor of a shape, when it adds channels only and a conv may take its place."""
    const = const_behind(graph, pad.data_inputs[1])
    if const is None or shape is None or len(shape) != 4 or shape[3] is None or shape[3] > MOST_CHANNELS:
        return None
    paddings = const_value(const)
    if np.any(paddings[:3]) or not np.any(paddings[3]):
        return None
    return Channels(int(paddings[3][0]), shape[3], int(paddings[3][1]))


def picks_every_nth(pool: Node) -> bool:
    """Whether a pool has a window of 1x1, so that it only leaves pixels out."""
    return set(pool.attrs["ksize"].list.i) == {1}


def channel_pad(
    name: str,
    data: Operand,
    output: Operand,
    channels: Channels,
    *,
    strides: tuple[int, ...],
    controls: tuple[str, ...],
    target: Target,
) -> list[Node]:
    """The conv after its constants; it is named `name`."""
    wide = channels.before + channels.read + channels.after
    values = np.eye(channels.read, wide, channels.before, dtype=np.float32)[None, None]
    codes = const_node(f"{name}_filter", (values * 127).astype(np.int8), "qint8")
    low, high = const_node(f"{name}_filter_low", np.float32(-1)), const_node(f"{name}_filter_high", np.float32(1))
    window = {"strides": int_list_attr(strides), "padding": string_attr("VALID")}
    conv = Node(name, "Conv2D", (data.codes.tensor, codes.name, *controls), window)
    unsigned = output.span.dtype == "quint8"  # as Intel's ops write unsigned codes behind a Relu only
    chain = Chain(conv, activation=Activation("Relu", ()) if unsigned else None)
    filters = Filters(Codes(codes.name, low.name, high.name, "qint8"), values)
    return [
        codes,
        low,
        high,
        *conv_kernel(name, chain, filters, data, None, output, target=target, window=window_of(conv)),
    ]
