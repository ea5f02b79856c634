"""Collapse SpaceToBatchND -> conv -> BatchToSpaceND into one conv whose filter has zeros between its taps.

Before:
    x = Placeholder() shape=<1,8,8,1>
    w = Const() value=float32<2,1,1,1>[1, 2]
    block = Const() value=int32<2>[2, 2]
    paddings = Const() value=int32<2,2>[0]
    crops = Const() value=int32<2,2>[0]
    s = SpaceToBatchND(x, block, paddings)
    c = Conv2D(s, w)
    y = BatchToSpaceND(c, block, crops)
After:
    x = Placeholder() shape=<1,8,8,1>
    w = Const() value=float32<3,1,1,1>[1, 0, 2]
    y = Conv2D(x, w) padding="VALID"

A filter of k taps becomes one of K = (k - 1) * block + 1, and the conv takes the BatchToSpaceND's name. The original
sets the padding SAME whatever the paddings and crops are; here each side is padded by what the three ops leave of it,
paddings + block * (the conv's own padding) - crops: VALID for none, SAME where that is what SAME gives, and EXPLICIT
otherwise. Convs with strides or dilations, channels first, blocks that are not the same two numbers on both sides,
paddings that are not constant, and crops beyond the padding are left alone. A filter that others read is copied.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from octavo.graph import Graph, Node, const_node
from octavo.graph.constants import constant
from octavo.graph.miss import Miss
from octavo.graph.pattern import Match, Value, op
from octavo.graph.rewrite import Outcome, apply_rules, rule
from octavo.graph.tensors import Array
from octavo.graph.workspace import Edit, Workspace

Sides = tuple[tuple[int, int], tuple[int, int]]
"""Rows above and below, columns left and right."""

_SPACE = op("SpaceToBatchND", Value("x"), Value("block"), Value("paddings"), name="space")
_CONV = op("Conv2D|DepthwiseConv2dNative", _SPACE, Value("filter"), name="conv")


@rule(op("BatchToSpaceND", _CONV, Value("block_after"), Value("crops"), name="batch"), anchor="conv")
def flatten(m: Match) -> Edit:
    """Flatten SpaceToBatchND -> conv -> BatchToSpaceND into a conv with a sparse filter."""
    conv = m["conv"]
    _refuse_strides(conv)
    block = _block(m)
    weights = constant(m.graph, m.tensors["filter"])
    name = _name_of_filter(m.graph, m.tensors["filter"], m["batch"].name)
    sides = _sides(m, block, weights)
    filters = const_node(name, _spread(weights, block), conv.dtype("T"))
    edges = dict.fromkeys((*m.control_inputs, *m["space"].control_inputs))
    flat = replace(conv, name=m["batch"].name, inputs=(m.tensors["x"], name, *edges))
    flat = _padded(flat, sides, filters_size=(_size(weights, 0, block), _size(weights, 1, block)))
    return Edit(frozenset(m.spine) | ({name} & m.graph.nodes.keys()), (filters, flat))


def flatten_atrous_conv(graph: Graph) -> Outcome:
    """Collapse SpaceToBatchND -> conv -> BatchToSpaceND into one conv whose filter has zeros between its taps."""
    return apply_rules(graph, [flatten])


def _refuse_strides(conv: Node) -> None:
    if conv.text("data_format") != "NHWC":
        raise Miss(f"{conv.op} has its channels first", at=conv.name)
    for name in ("strides", "dilations"):
        if any(n != 1 for n in conv.integers(name)):
            raise Miss(f"{conv.op} has {name}", at=conv.name)


def _block(m: Match) -> tuple[int, int]:
    before, after = constant(m.graph, m.tensors["block"]), constant(m.graph, m.tensors["block_after"])
    if before.shape != (2,) or before.tolist() != after.tolist():
        raise Miss(
            f"the blocks are {before.tolist()} and {after.tolist()}; wanted two equal numbers", at=m["batch"].name
        )
    return int(before[0]), int(before[1])


def _sides(m: Match, block: tuple[int, int], weights: Array) -> Sides:
    """By how much the flat conv pads each side."""
    paddings, crops = constant(m.graph, m.tensors["paddings"]), constant(m.graph, m.tensors["crops"])
    own = _own_padding(m["conv"], weights)
    (top, bottom), (left, right) = (
        [int(paddings[d, e]) + block[d] * own[d][e] - int(crops[d, e]) for e in (0, 1)] for d in (0, 1)
    )
    if min(top, bottom, left, right) < 0:
        raise Miss("the crops go beyond the padding", at=m["batch"].name)
    return (top, bottom), (left, right)


def _own_padding(conv: Node, weights: Array) -> Sides:
    kind = conv.text("padding")
    if kind == "EXPLICIT":
        _, (top, bottom), (left, right), _ = np.reshape(conv.integers("explicit_paddings"), (4, 2)).tolist()
        return (top, bottom), (left, right)
    return _same(weights.shape[0], weights.shape[1]) if kind == "SAME" else ((0, 0), (0, 0))


def _same(height: int, width: int) -> Sides:
    """What SAME pads at stride 1 for a filter of some size."""
    return ((height - 1) // 2, height // 2), ((width - 1) // 2, width // 2)


def _padded(conv: Node, sides: Sides, *, filters_size: tuple[int, int]) -> Node:
    """The conv with a padding attribute that pads by `sides`."""
    attrs = {key: value for key, value in conv.attrs.items() if key != "explicit_paddings"}
    kind = "EXPLICIT"
    if not np.any(sides):
        kind = "VALID"
    elif sides == _same(*filters_size):
        kind = "SAME"
    else:
        attrs["explicit_paddings"] = (0, 0, *sides[0], *sides[1], 0, 0)
    return replace(conv, attrs={**attrs, "padding": kind})


def _size(weights: Array, dimension: int, block: tuple[int, int]) -> int:
    return int((weights.shape[dimension] - 1) * block[dimension] + 1)


def _spread(weights: Array, block: tuple[int, int]) -> Array:
    """[height, width, in, out] -> the same taps, `block` rows and columns apart, with zeros between."""
    spread = np.zeros((_size(weights, 0, block), _size(weights, 1, block), *weights.shape[2:]), weights.dtype)
    spread[:: block[0], :: block[1]] = weights
    return spread


def _name_of_filter(graph: Workspace, tensor: str, conv: str) -> str:
    """The filter's own name where nothing else reads it, or a new one."""
    own = graph.producer(tensor)
    private = own.op == "Const" and len(graph.readers(own.name)) == 1 and own.name not in graph.output_names
    return own.name if private else graph.fresh_name(f"{conv}/flat_filter")
