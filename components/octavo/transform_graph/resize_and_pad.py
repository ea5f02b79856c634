"""Fusing a bilinear resize, a mirror padding, or both, into the conv behind them.

TensorFlow's kernels of FusedPadConv2D and FusedResizeAndPadConv2D compute every image of a batch from the first one
(measured on TensorFlow 2.21: the first image is right to the bit, the others are wrong), so that only convs whose batch
is known to be one image are fused.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from octavo.graph import Graph, Node, const_node
from octavo.graph.attrs import Attrs
from octavo.graph.constants import constant
from octavo.graph.miss import Miss
from octavo.graph.pattern import Match, Op, Pattern, Value, op
from octavo.graph.rewrite import Outcome, Rule, apply_rules, rule
from octavo.graph.tensors import Array
from octavo.graph.workspace import Edit
from octavo.runtime.shapes import Shape, static_shapes

LOG = logging.getLogger(__name__)

Shapes = Mapping[str, Shape]

BATCH = "the batch may hold more than one image"


def fuse_into_convs(graph: Graph, *makers: Callable[[Shapes], Rule]) -> Outcome:
    """Apply rules that need the convs' shapes; what is left because of the batch size is logged.

    Args:
        graph: the graph.
        makers: functions from the shapes of the convs to a rule.
    """
    convs = [node.name for node in graph.nodes.values() if node.op == "Conv2D"]
    near = {"ResizeBilinear", "MirrorPad"}
    if not near & {node.op for node in graph.nodes.values()} or not convs:
        return Outcome(graph)
    shapes = static_shapes(graph, convs)
    outcome = apply_rules(graph, [make(shapes) for make in makers])
    for rule_name, miss in (miss for misses in outcome.missed.values() for miss in misses):
        if miss.reason.startswith(BATCH):
            LOG.warning("%s: Conv2D %r stays: %s", rule_name, miss.at, miss.reason)
    return outcome


def resize_pad_and_conv(shapes: Shapes) -> Rule:
    """The rule ResizeBilinear -> MirrorPad -> Conv2D."""
    resize = op("ResizeBilinear", Value("x"), Value("size"), name="resize")
    pad = op("MirrorPad", resize, Value("paddings"), name="pad")

    @rule(_conv_of(pad), anchor="resize")
    def fuse_resize_pad_and_conv(m: Match) -> Edit:
        _check(m, shapes)
        paddings = _paddings(m)
        attrs = {**_resize(m), "mode": m["pad"].attrs["mode"]}
        return _fused(m, "FusedResizeAndPadConv2D", (m.tensors["x"], m.tensors["size"]), paddings, attrs)

    return fuse_resize_pad_and_conv


def resize_and_conv(shapes: Shapes) -> Rule:
    """The rule ResizeBilinear -> Conv2D."""
    resize = op("ResizeBilinear", Value("x"), Value("size"), name="resize")

    @rule(_conv_of(resize), anchor="resize")
    def fuse_resize_and_conv(m: Match) -> Edit:
        _check(m, shapes)
        name = m.graph.fresh_name(f"{m['conv'].name}_dummy_paddings")
        paddings = const_node(name, np.zeros((4, 2), np.int32))
        attrs = {**_resize(m), "mode": "REFLECT"}
        return _fused(m, "FusedResizeAndPadConv2D", (m.tensors["x"], m.tensors["size"]), paddings, attrs)

    return fuse_resize_and_conv


def pad_and_conv(shapes: Shapes) -> Rule:
    """The rule MirrorPad -> Conv2D."""
    pad = op("MirrorPad", Value("x"), Value("paddings"), name="pad")

    @rule(_conv_of(pad), anchor="pad")
    def fuse_pad_and_conv(m: Match) -> Edit:
        _check(m, shapes)
        return _fused(m, "FusedPadConv2D", (m.tensors["x"],), _paddings(m), {"mode": m["pad"].attrs["mode"]})

    return fuse_pad_and_conv


def _conv_of(before: Pattern) -> Op:
    return op("Conv2D", before, Value("filter"), name="conv")


def _check(m: Match, shapes: Shapes) -> None:
    """Raise a Miss where the fused op computes something else, or cannot."""
    conv = m["conv"]
    if conv.text("data_format") != "NHWC":
        raise Miss("Conv2D has its channels first", at=conv.name)
    if conv.text("padding") not in {"SAME", "VALID"} or any(n != 1 for n in conv.integers("dilations")):
        raise Miss("Conv2D has explicit paddings or dilations, which the fused op lacks", at=conv.name)
    if conv.dtype("T") not in {"float32", "float64", "float16"}:
        raise Miss(f"Conv2D computes in {conv.dtype('T')}", at=conv.name)
    shape = shapes.get(conv.name)
    if not shape or shape[0] != 1:
        raise Miss(f"{BATCH}, and TensorFlow's fused op gets all but the first wrong", at=conv.name)


def _resize(m: Match) -> Attrs:
    """The fused op's attribute for a resize."""
    resize, conv = m["resize"], m["conv"]
    if resize.flag("half_pixel_centers"):
        raise Miss("ResizeBilinear has half_pixel_centers, which the fused op lacks", at=resize.name)
    if resize.dtype("T") != "float32" or conv.dtype("T") != "float32":
        raise Miss(f"ResizeBilinear takes {resize.dtype('T')}; wanted float32", at=resize.name)
    return {"resize_align_corners": resize.attr("align_corners")}


def _paddings(m: Match) -> str | Node:
    """The paddings' tensor, or a Const of them in int32."""
    tensor = m.tensors["paddings"]
    value: Array = constant(m.graph, tensor)
    if value.shape != (4, 2) or value[[0, 3]].any():
        raise Miss(f"MirrorPad pads other than rows and columns: {value.tolist()}", at=tensor)
    if value.dtype == np.int32:
        return tensor
    return const_node(m.graph.fresh_name(f"{m['conv'].name}/paddings"), value.astype(np.int32))


def _fused(m: Match, op_name: str, before: tuple[str, ...], paddings: str | Node, attrs: Attrs) -> Edit:
    conv = m["conv"]
    new = (paddings,) if isinstance(paddings, Node) else ()
    inputs = (*before, paddings.name if isinstance(paddings, Node) else paddings, m.tensors["filter"])
    kept = {key: conv.attrs[key] for key in ("T", "padding", "strides")}
    fused = replace(conv, op=op_name, inputs=(*inputs, *m.control_inputs), attrs={**kept, **attrs})
    return Edit(frozenset(m.spine), (*new, fused))
