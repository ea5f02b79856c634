"""Fold batch norms that are spelled Sub, RealDiv, Mul, BiasAdd into the conv before them.

    w'[..., o] = w[..., o] * gamma[o] / d[o]        beta'[o] = beta[o] - mean[o] * gamma[o] / d[o]

where d is the square root of the variance, as it stands in the graph.

Before:
    x = Placeholder()
    w = Const() value=float32<1,1,1,2>[1, 2]
    mean = Const() value=float32<2>[10, 20]
    d = Const() value=float32<2>[0.25, 0.5]
    gamma = Const() value=float32<2>[1, 2]
    beta = Const() value=float32<2>[1, 3]
    c = Conv2D(x, w)
    s = Sub(c, mean)
    n = RealDiv(s, d)
    m = Mul(n, gamma)
    y = BiasAdd(m, beta)
After:
    x = Placeholder()
    w = Const() value=float32<1,1,1,2>[4, 8]
    c = Conv2D(x, w)
    c_bn_offset = Const() value=float32<2>[-39, -77]
    y = BiasAdd(c, c_bn_offset)

fold_batch_norms folds this too, among other things. The original aborts its process where a vector has another length
than there are channels; here the conv is left alone. Weights that others read as well are copied.
"""

from __future__ import annotations

from octavo.graph import Graph
from octavo.graph.pattern import Match, Value, op
from octavo.graph.rewrite import Outcome, apply_rules, rule
from octavo.graph.workspace import Edit
from octavo.transform_graph.folding import fold_chain

NORM = {"Sub": "mean", "RealDiv": "deviation", "Mul": "gamma", "BiasAdd": "beta"}
"""The steps of such a batch norm, in order, each with its constant."""

PATTERN = op("Conv2D", Value("x"), Value("weights"), name="layer")
for step, operand in NORM.items():
    PATTERN = op(step, PATTERN, Value(operand), name=step, any_order=step == "Mul")


@rule(PATTERN, anchor="layer")
def fold_norm(m: Match) -> Edit:
    """Fold Conv2D -> Sub -> RealDiv -> Mul -> BiasAdd into Conv2D -> BiasAdd."""
    return fold_chain(m, frozenset(NORM))


def fold_subdivmul_batch_norms(graph: Graph) -> Outcome:
    """Fold batch norms that are spelled Sub, RealDiv, Mul, BiasAdd into the conv before them."""
    return apply_rules(graph, [fold_norm])
