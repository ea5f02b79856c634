"""Fuse ResizeBilinear -> MirrorPad -> Conv2D into FusedResizeAndPadConv2D.

Before:
    x = Placeholder() shape=<1,4,4,1>
    w = Const() value=float32<3,3,1,1>[1]
    size = Const() value=int32<2>[8, 8]
    paddings = Const() value=int32<4,2>[0, 0, 1, 1, 1, 1, 0, 0]
    r = ResizeBilinear(x, size)
    p = MirrorPad(r, paddings) mode="REFLECT"
    y = Conv2D(p, w)
After:
    x = Placeholder() shape=<1,4,4,1>
    w = Const() value=float32<3,3,1,1>[1]
    size = Const() value=int32<2>[8, 8]
    paddings = Const() value=int32<4,2>[0, 0, 1, 1, 1, 1, 0, 0]
    y = FusedResizeAndPadConv2D(x, size, paddings, w) mode="REFLECT" resize_align_corners=false

The fused op saves the memory of the larger images. TensorFlow's kernel gets all images of a batch but the first wrong,
so that the conv's batch must be known to be 1; a conv that stays for this is logged. Left alone are also resizes with
half_pixel_centers, which the fused op does not know and the original drops, and resizes or paddings that anything else
reads.
"""

from __future__ import annotations

from octavo.graph import Graph
from octavo.graph.rewrite import Outcome
from octavo.transform_graph.resize_and_pad import fuse_into_convs, resize_pad_and_conv


def fuse_resize_pad_and_conv(graph: Graph) -> Outcome:
    """Fuse ResizeBilinear -> MirrorPad -> Conv2D into FusedResizeAndPadConv2D.

    Raises:
        GraphError: when TensorFlow cannot load the graph, whose shapes it infers.
    """
    return fuse_into_convs(graph, resize_pad_and_conv)
