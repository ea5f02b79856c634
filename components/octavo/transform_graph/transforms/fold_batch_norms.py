"""Fold the batch norms that follow convs and matmuls into their weights and a bias.

Before:
    x = Placeholder()
    w = Const() value=float32<1,1,1,2>[1, 2]
    mean = Const() value=float32<2>[10, 20]
    gamma = Const() value=float32<2>[2, 3]
    beta = Const() value=float32<2>[0.5, 1]
    c = Conv2D(x, w)
    s = Sub(c, mean)
    m = Mul(gamma, s)
    y = Add(m, beta)
After:
    x = Placeholder()
    w = Const() value=float32<1,1,1,2>[2, 6]
    c = Conv2D(x, w)
    c_bn_offset = Const() value=float32<2>[-19.5, -59]
    y = BiasAdd(c, c_bn_offset)

A batch norm is FusedBatchNorm, V2 or V3 in inference mode, or what it decomposes into: Mul and RealDiv by, and BiasAdd,
Add, AddV2 and Sub of, a number for each output channel. The numbers may be constants or small expressions of
constants, Mul(Rsqrt(Add(variance, epsilon)), gamma). A lone offset stays as it is. With scales alone, the conv takes
the last one's name, as in the original.

The original folds Mul only, with its Const second and of rank 1, stops at any other shape with an error, and ignores
transpose_b. Here an operand may stand on either side and have any shape that means one number a channel; one of
another shape is left alone. Weights that others read as well are copied. What a graph output or a second node reads
is computed as before: folding ends there.
"""

from __future__ import annotations

from octavo.graph import Graph
from octavo.graph.pattern import Match, Value, op
from octavo.graph.rewrite import Outcome, apply_rules, rule
from octavo.graph.workspace import Edit
from octavo.transform_graph.folding import FUSED_NORMS, LAYERS, OFFSETS, SCALES, fold_chain

STEPS = SCALES | OFFSETS | FUSED_NORMS


@rule(op(LAYERS, Value("x"), Value("weights"), name="layer"), anchor="layer")
def fold_steps(m: Match) -> Edit:
    """Fold layer -> {scale | offset | FusedBatchNorm} into layer -> [BiasAdd]."""
    return fold_chain(m, STEPS)


def fold_batch_norms(graph: Graph) -> Outcome:
    """Fold the batch norms that follow convs and matmuls into their weights and a bias."""
    return apply_rules(graph, [fold_steps])
