"""fuse_resize_pad_and_conv, fuse_resize_and_conv and fuse_pad_and_conv in one.

Before:
    x = Placeholder() shape=<1,4,4,1>
    w = Const() value=float32<1,1,1,1>[1]
    size = Const() value=int32<2>[8, 8]
    paddings = Const() value=int32<4,2>[0, 0, 1, 1, 1, 1, 0, 0]
    p = MirrorPad(x, paddings) mode="REFLECT"
    c = Conv2D(p, w)
    r = ResizeBilinear(c, size)
    y = Conv2D(r, w)
After:
    x = Placeholder() shape=<1,4,4,1>
    w = Const() value=float32<1,1,1,1>[1]
    size = Const() value=int32<2>[8, 8]
    paddings = Const() value=int32<4,2>[0, 0, 1, 1, 1, 1, 0, 0]
    c = FusedPadConv2D(x, paddings, w) mode="REFLECT"
    y_dummy_paddings = Const() value=int32<4,2>[0, 0, 0, 0, 0, 0, 0, 0]
    y = FusedResizeAndPadConv2D(c, size, y_dummy_paddings, w) mode="REFLECT" resize_align_corners=false

TensorFlow documents the three under this name, which its tool does not know. The longest chain is fused first.
"""

from __future__ import annotations

from octavo.graph import Graph
from octavo.graph.rewrite import Outcome
from octavo.transform_graph.resize_and_pad import fuse_into_convs, pad_and_conv, resize_and_conv, resize_pad_and_conv


def fuse_convolutions(graph: Graph) -> Outcome:
    """Fuse resizes and mirror paddings into the convs behind them: the three transforms of that kind in one.

    Raises:
        GraphError: when TensorFlow cannot load the graph, whose shapes it infers.
    """
    return fuse_into_convs(graph, resize_pad_and_conv, resize_and_conv, pad_and_conv)
