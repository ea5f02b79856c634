"""Means over a whole image of codes, as they stand at the end of most networks.

A depthwise conv whose filter is one everywhere adds the codes of each channel in 32 bits, and its scale divides them:

    mean(x) = sum over the image of codes * step / positions,        1 / positions = the code 127 of [-1/p, 1/p]

Nothing is rounded on the way. What follows either reads eight bits of the mean's own range, or float32, which a
Dequantize makes of the 32 bits. QuantizedAvgPool rounds the mean to a code of its input's range, in which means are
small numbers: a tenth of SqueezeNet's answers change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from octavo.graph.attrs import DType
from octavo.graph.graph import Graph, Node
from octavo.graph.miss import Miss
from octavo.graph.tensors import const_node, const_value
from octavo.int8.chain import const_behind
from octavo.int8.kernels import Filters, Operand, conv_kernel, made_filters
from octavo.int8.ops import Window, dequantize, window_sums
from octavo.int8.rules.rule import Lowered, rule
from octavo.int8.site import Site
from octavo.runtime.shapes import Shape

AVERAGES = frozenset({"AvgPool", "Mean"})

MARK = "_octavo_int8"
"""The attribute that tells a Mean or an AvgPool which is to run on codes from one that a recipe leaves in float."""

MOST_POSITIONS = 1024
"""Positions of an image, at most: the filter has a byte for each, in each channel."""


@dataclass(frozen=True, slots=True)
class Average:
    """A mean over a whole image.

    Attributes:
        height: the image's.
        width: the image's.
        channels: the image's.
        flat: whether the result is [batch, channels], without the two axes of one element.
    """

    height: int
    width: int
    channels: int
    flat: bool


@rule(lambda _, op: MARK in op.attrs)
def average(site: Site, name: str, op: Node) -> Lowered:
    """A depthwise conv that makes codes."""
    data, averaged = _data(site, op)
    output = site.output(name, site.spans[name])
    made = f"{name}_unflattened" if averaged.flat else name
    filters, constants = _ones(name, averaged)
    kernel = conv_kernel(
        made,
        data,
        filters,
        output,
        window=_window(averaged),
        relu=output.span.dtype == "quint8",  # as Intel's ops write unsigned codes behind a Relu only
        target=site.target,
        controls=op.control_inputs,
    )
    return Lowered([*constants, *kernel, *_flattened(name, made, averaged, output.span.dtype)], output.span)


@rule(lambda _, op: MARK in op.attrs, floats=True)
def float_average(site: Site, name: str, op: Node) -> Lowered:
    """A depthwise conv that makes sums of 32 bits, and a Dequantize of them."""
    data, averaged = _data(site, op)
    if data.span.shift != 0.0:
        reason = "code 0 of its input does not stand for zero, and its 32-bit sums go without a bias"
        raise Miss(reason, at=op.data_inputs[0])
    return Lowered(average_floats(name, averaged, data, controls=op.control_inputs))


RULES = (average, float_average)


def average_of(graph: Graph, node: Node, shape: Shape) -> Average | None:
    """What a Mean or AvgPool of a tensor of a shape averages, when that is whole images in NHWC of a known size."""
    if shape is None or len(shape) != 4:
        return None
    _, height, width, channels = shape
    if height is None or width is None or channels is None or height * width > MOST_POSITIONS:
        return None
    if node.op == "Mean":
        axes = const_behind(graph, node.data_inputs[1])
        if axes is None or sorted(int(axis) % 4 for axis in const_value(axes).reshape(-1)) != [1, 2]:
            return None
        return Average(height, width, channels, flat=not node.flag("keep_dims"))
    if node.op != "AvgPool" or node.text("data_format") != "NHWC":
        return None
    whole = node.integers("ksize") == (1, height, width, 1) and node.text("padding") == "VALID"
    return Average(height, width, channels, flat=False) if whole else None


def average_floats(name: str, average: Average, data: Operand, *, controls: tuple[str, ...] = ()) -> list[Node]:
    """The mean as float32, for data without a shift; the last node is named `name`."""
    made = f"{name}_unflattened" if average.flat else name
    sums, (filters, constants) = f"{name}_sums", _ones(name, average)
    return [
        *constants,
        window_sums(sums, data.codes, filters.codes, _window(average), controls=controls),
        dequantize(made, sums, f"{sums}:1", f"{sums}:2", dtype="qint32", mode="MIN_FIRST"),
        *_flattened(name, made, average, "float32"),
    ]


def _data(site: Site, op: Node) -> tuple[Operand, Average]:
    tensor = op.data_inputs[0]
    average = average_of(site.graph, op, site.declared_shapes[tensor])
    if average is None:
        raise Miss("the size of the images that it averages is not known", at=tensor)
    return site.operand(tensor), average


def _window(average: Average) -> Window:
    return Window((1, average.height, average.width, 1), "VALID")


def _ones(name: str, average: Average) -> tuple[Filters, list[Node]]:
    shape = (average.height, average.width, average.channels, 1)
    return made_filters(name, np.full(shape, 1 / (average.height * average.width), np.float32), "HWCM")


def _flattened(name: str, tensor: str, average: Average, dtype: str) -> list[Node]:
    if not average.flat:
        return []
    shape = const_node(f"{name}_flat_shape", np.array([-1, average.channels], np.int32))
    attrs = {"T": DType(dtype), "Tshape": DType("int32")}
    return [shape, Node(name, "Reshape", (tensor, shape.name), attrs)]
