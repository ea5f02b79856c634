"""Fuse ResizeBilinear -> Conv2D into FusedResizeAndPadConv2D, with paddings of 0.

Before:
    x = Placeholder() shape=<1,4,4,1>
    w = Const() value=float32<3,3,1,1>[1]
    size = Const() value=int32<2>[8, 8]
    r = ResizeBilinear(x, size)
    y = Conv2D(r, w)
After:
    x = Placeholder() shape=<1,4,4,1>
    w = Const() value=float32<3,3,1,1>[1]
    size = Const() value=int32<2>[8, 8]
    y_dummy_paddings = Const() value=int32<4,2>[0, 0, 0, 0, 0, 0, 0, 0]
    y = FusedResizeAndPadConv2D(x, size, y_dummy_paddings, w) mode="REFLECT" resize_align_corners=false

As in fuse_resize_pad_and_conv, the conv's batch must be known to be 1, and half_pixel_centers be off.
"""

from __future__ import annotations

from octavo.graph import Graph
from octavo.graph.rewrite import Outcome
from octavo.transform_graph.resize_and_pad import fuse_into_convs, resize_and_conv


def fuse_resize_and_conv(graph: Graph) -> Outcome:
    """Fuse ResizeBilinear -> Conv2D into FusedResizeAndPadConv2D.

    Raises:
        GraphError: when TensorFlow cannot load the graph, whose shapes it infers.
    """
    return fuse_into_convs(graph, resize_and_conv)
