"""Fuse MirrorPad -> Conv2D into FusedPadConv2D.

Before:
    x = Placeholder() shape=<1,4,4,1>
    w = Const() value=float32<3,3,1,1>[1]
    paddings = Const() value=int32<4,2>[0, 0, 1, 1, 1, 1, 0, 0]
    p = MirrorPad(x, paddings) mode="SYMMETRIC"
    y = Conv2D(p, w)
After:
    x = Placeholder() shape=<1,4,4,1>
    w = Const() value=float32<3,3,1,1>[1]
    paddings = Const() value=int32<4,2>[0, 0, 1, 1, 1, 1, 0, 0]
    y = FusedPadConv2D(x, paddings, w) mode="SYMMETRIC"

As in fuse_resize_pad_and_conv, the conv's batch must be known to be 1. Pad, which pads with zeros, is not fused: the
fused op has no such mode.
"""

from __future__ import annotations

from octavo.graph import Graph
from octavo.graph.rewrite import Outcome
from octavo.transform_graph.resize_and_pad import fuse_into_convs, pad_and_conv


def fuse_pad_and_conv(graph: Graph) -> Outcome:
    """Fuse MirrorPad -> Conv2D into FusedPadConv2D.

    Raises:
        GraphError: when TensorFlow cannot load the graph, whose shapes it infers.
    """
    return fuse_into_convs(graph, pad_and_conv)
