"""Scale the channels between two layers so that the weights on both sides spread alike over eight bits.

    conv2(relu(conv1(x, w1) + b1), w2)  =  conv2(relu(conv1(x, w1 / s) + b1 / s), w2 * s)

Before:
    x = Placeholder()
    w1 = Const() value=float32<1,1,1,2>[16, 0.5]
    b1 = Const() value=float32<2>[4, 1]
    w2 = Const() value=float32<1,1,2,1>[1, 8]
    c = Conv2D(x, w1)
    b = BiasAdd(c, b1)
    r = Relu(b)
    y = Conv2D(r, w2)
After:
    x = Placeholder()
    w1 = Const() value=float32<1,1,1,2>[4, 2]
    b1 = Const() value=float32<2>[1, 4]
    w2 = Const() value=float32<1,1,2,1>[4, 2]
    c = Conv2D(x, w1)
    b = BiasAdd(c, b1)
    r = Relu(b)
    y = Conv2D(r, w2)

For each channel between two layers s = sqrt(max|w1| / max|w2|), as a power of two, which changes no float result by a
bit. A layer is a Conv2D, DepthwiseConv2dNative or MatMul; what reads the first one must be layers alone, behind a bias
and a Relu or LeakyRelu. Chains of layers, as conv - depthwise conv - conv, are gone through until they settle.

A Relu6 between two layers is not exact to scale, since it clips at 6 whatever its input's scale: such a pair is left,
with a warning, and so is one whose weights or bias others read. What a graph output reads is left as well.

(Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction, 2019, section 4.1.)
"""

from __future__ import annotations

import logging

from octavo.graph import Graph
from octavo.graph.rewrite import Outcome

LOG = logging.getLogger(__name__)


def equalize_weights(graph: Graph) -> Outcome:
    """Scale the channels between two layers so that the weights on both sides spread alike over eight bits."""
    from octavo.int8.equalization import equalize

    result = equalize(graph)
    if result.missed:
        name = next(iter(result.missed))
        LOG.warning(
            "equalize_weights left %d of %d pairs of layers as they are; the first, behind %r: %s",
            len(result.missed),
            len(result.missed) + len(result.applied),
            name,
            result.reason(name)[1].reason,
        )
    return result
