"""Fold batch norms of the older op, and fused ones, into the convs before them.

Before:
    x = Placeholder()
    w = Const() value=float32<1,1,1,2>[1, 2]
    mean = Const() value=float32<2>[10, 20]
    variance = Const() value=float32<2>[0.25, 1]
    beta = Const() value=float32<2>[0.5, 1]
    gamma = Const() value=float32<2>[1, 3]
    block = Const() value=int32<2>[2, 2]
    crops = Const() value=int32<2,2>[0]
    c = Conv2D(x, w)
    b = BatchToSpaceND(c, block, crops)
    y = FusedBatchNormV3(b, gamma, beta, mean, variance) epsilon=0.0 is_training=false
After:
    x = Placeholder()
    w = Const() value=float32<1,1,1,2>[2, 6]
    block = Const() value=int32<2>[2, 2]
    crops = Const() value=int32<2,2>[0]
    c = Conv2D(x, w)
    c_bn_offset = Const() value=float32<2>[-19.5, -59]
    c/biasadd = BiasAdd(c, c_bn_offset)
    y = BatchToSpaceND(c/biasadd, block, crops)

The conv may come directly, behind a BatchToSpaceND, or behind a concat. Directly, the BiasAdd takes the norm's name;
behind a concat of convs the concat does, and the BiasAdds are <concat>_bn_in0, <concat>_bn_in1 and so on. Beyond the
original, FusedBatchNormV2 and V3, depthwise convs, matmuls, a constant bias between conv and norm, and concats of more
than two convs are folded too; weights that others read as well are copied, and what a graph output or a second node
reads is computed as before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from octavo.graph import Graph, Node
from octavo.graph.constants import constant
from octavo.graph.miss import Miss
from octavo.graph.pattern import Match, Value, only_reader, op
from octavo.graph.rewrite import Outcome, apply_rules, rule
from octavo.graph.workspace import Edit
from octavo.transform_graph.folding import (
    FUSED_NORMS,
    LAYERS,
    OLD_NORM,
    Affine,
    Layer,
    fold_chain,
    folded,
    folding_edit,
    layer_of,
    norm_affine,
)

NORMS = FUSED_NORMS | {OLD_NORM}


@rule(op(LAYERS, Value("x"), Value("weights"), name="layer"), anchor="layer")
def fold_direct(m: Match) -> Edit:
    """Fold layer -> [BiasAdd] -> norm into layer -> BiasAdd."""
    return fold_chain(m, NORMS | {"BiasAdd"})


@rule(op("|".join(NORMS), op("BatchToSpaceND", Value("x"), name="space"), name="norm"), anchor="norm")
def fold_behind_space(m: Match) -> Edit:
    """Fold layer -> BatchToSpaceND -> norm into layer -> BiasAdd -> BatchToSpaceND."""
    layer = _layer_before(m, m["space"], m.tensors["x"])
    affine = norm_affine(m.graph, m["norm"], layer.channels, layer.data_format)
    name = m.graph.fresh_name(f"{layer.node.name}/biasadd")
    added = folded(m.graph, layer, affine.scale, affine.offset, name=name)
    return folding_edit([layer], [m["space"], m["norm"]], (*added, _moved(m, m["space"], {m.tensors["x"]: name})))


@rule(op("|".join(NORMS), op("Concat|ConcatV2", name="concat"), name="norm"), anchor="norm")
def fold_behind_concat(m: Match) -> Edit:
    """Fold a concat of layers -> norm into a concat of layer -> BiasAdd."""
    concat = m["concat"]
    at = -1 if concat.op == "ConcatV2" else 0
    tensors = list(concat.data_inputs)
    axis = int(constant(m.graph, tensors.pop(at)))
    layers = [_layer_before(m, concat, tensor) for tensor in tensors]
    names: dict[str, str] = {}
    added: list[Node] = []
    for n, (layer, affine) in enumerate(zip(layers, _shares(m, layers, axis), strict=True)):
        names[layer.node.name] = m.graph.fresh_name(f"{concat.name}_bn_in{n}")
        added += folded(m.graph, layer, affine.scale, affine.offset, name=names[layer.node.name])
    return folding_edit(layers, [concat, m["norm"]], (*added, _moved(m, concat, names)))


def _layer_before(m: Match, reader: Node, tensor: str) -> Layer:
    """The layer that `reader`, and nothing else, reads as `tensor`; and the norm alone reads that."""
    node = m.graph.producer(tensor)
    if node.op not in LAYERS.split("|"):
        raise Miss(f"{reader.op} reads {node.op} {node.name!r}, wanted {LAYERS.replace('|', ' or ')}", at=tensor)
    only_reader(m.graph, node)
    only_reader(m.graph, reader)
    layer = layer_of(m.graph, node)
    if layer.axis != 3:
        raise Miss(f"{node.op} does not have its channels in dimension 3", at=node.name)
    return layer


def _shares(m: Match, layers: Sequence[Layer], axis: int) -> list[Affine]:
    """What the norm does to each layer: to its own channels, or the same to all where they are joined otherwise."""
    if axis not in {3, -1}:
        return [norm_affine(m.graph, m["norm"], layer.channels, layer.data_format) for layer in layers]
    ends = np.cumsum([layer.channels for layer in layers])
    whole = norm_affine(m.graph, m["norm"], int(ends[-1]), layers[0].data_format)
    scales, offsets = np.split(whole.scale, ends[:-1]), np.split(whole.offset, ends[:-1])
    return [Affine(scale, offset) for scale, offset in zip(scales, offsets, strict=True)]


def _moved(m: Match, node: Node, names: Mapping[str, str]) -> Node:
    """A node in the norm's place, reading the new biases."""
    data = tuple(names.get(tensor, tensor) for tensor in node.data_inputs)
    edges = dict.fromkeys((*node.control_inputs, *m["norm"].control_inputs))
    return replace(node, name=m["norm"].name, inputs=(*data, *edges))


def fold_old_batch_norms(graph: Graph) -> Outcome:
    """Fold batch norms of the older op, and fused ones, into the convs before them."""
    return apply_rules(graph, [fold_direct, fold_behind_space, fold_behind_concat])
