"""Fold a scale behind a conv and its bias into the weights and the bias.

Before:
    x = Placeholder()
    w = Const() value=float32<1,1,1,2>[1, 2]
    bias = Const() value=float32<2>[1, 3]
    scale = Const() value=float32<>[0.5]
    c = Conv2D(x, w)
    b = BiasAdd(c, bias)
    m = Mul(b, scale)
    y = Add(x, m)
After:
    x = Placeholder()
    w = Const() value=float32<1,1,1,2>[0.5, 1]
    c = Conv2D(x, w)
    c_bn_offset = Const() value=float32<2>[0.5, 1.5]
    m = BiasAdd(c, c_bn_offset)
    y = Add(x, m)

fold_batch_norms folds this too, among other things. The original wants the Mul to be the second input of an Add, and
takes the first element of any constant for the scale. Here the Mul may be read by anything, and the scale is one number
or one for each channel; weights that others read as well are copied.
"""

from __future__ import annotations

from octavo.graph import Graph
from octavo.graph.pattern import Match, Value, op
from octavo.graph.rewrite import Outcome, apply_rules, rule
from octavo.graph.workspace import Edit
from octavo.transform_graph.folding import fold_chain

LAYER = op("Conv2D", Value("x"), Value("weights"), name="layer")
BIASED = op("BiasAdd", LAYER, Value("bias"), name="biased")


@rule(op("Mul", BIASED, Value("scale"), name="scaled", any_order=True), anchor="layer")
def fold_scaled_bias(m: Match) -> Edit:
    """Fold Conv2D -> BiasAdd -> Mul into Conv2D -> BiasAdd."""
    return fold_chain(m, frozenset({"BiasAdd", "Mul"}))


def fold_convolutionwithbias_mul(graph: Graph) -> Outcome:
    """Fold a scale behind a conv and its bias into the weights and the bias."""
    return apply_rules(graph, [fold_scaled_bias])
