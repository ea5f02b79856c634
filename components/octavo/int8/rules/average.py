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

from octavo.graph.attrs import dtype_attr
from octavo.graph.graph import Graph, Node
from octavo.graph.miss import Miss
from octavo.graph.op_defs import attr_value
from octavo.graph.tensors import const_node, const_value
from octavo.int8.chain import const_behind
from octavo.int8.kernels import Filters, Operand, Target, conv_kernel
from octavo.int8.ops import Codes, Window, dequantize, window_sums
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
    span = site.spans[name]
    output = site.output(name, span)
    nodes = average_codes(name, averaged, data, output, target=site.target, controls=op.control_inputs)
    return Lowered(nodes, span)


@rule(lambda _, op: MARK in op.attrs, floats=True)
def float_average(site: Site, name: str, op: Node) -> Lowered:
    """A depthwise conv that makes sums of 32 bits, and a Dequantize of them."""
    data, averaged = _data(site, op)
    if data.span.shift != 0.0:
        raise Miss(
            "code 0 of its input does not stand for zero, and its 32-bit sums go without a bias", at=op.data_inputs[0]
        )
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
        return Average(height, width, channels, flat=not attr_value(node, "keep_dims").b)
    if node.op != "AvgPool" or attr_value(node, "data_format").s != b"NHWC":
        return None
    whole = list(node.attrs["ksize"].list.i) == [1, height, width, 1] and node.attrs["padding"].s == b"VALID"
    return Average(height, width, channels, flat=False) if whole else None


def average_codes(
    name: str, average: Average, data: Operand, output: Operand, *, target: Target, controls: tuple[str, ...]
) -> list[Node]:
    """The mean as codes of the output's range; the last node is named `name`."""
    made = f"{name}_unflattened" if average.flat else name
    filters = _filters(name, average)
    kernel = conv_kernel(
        made,
        data,
        filters,
        output,
        window=_window(average),
        relu=output.span.dtype == "quint8",  # as Intel's ops write unsigned codes behind a Relu only
        target=target,
        controls=controls,
    )
    return [*_constants(filters), *kernel, *_flattened(name, made, average, output.span.dtype)]


def average_floats(name: str, average: Average, data: Operand, *, controls: tuple[str, ...] = ()) -> list[Node]:
    """The mean as float32, for data without a shift; the last node is named `name`."""
    made = f"{name}_unflattened" if average.flat else name
    sums, filters = f"{name}_sums", _filters(name, average)
    return [
        *_constants(filters),
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


def _filters(name: str, average: Average) -> Filters:
    shape = (average.height, average.width, average.channels, 1)
    values = np.full(shape, 1 / (average.height * average.width), np.float32)
    return Filters(Codes(f"{name}_filter", f"{name}_filter_low", f"{name}_filter_high", "qint8"), values, "HWCM")


def _constants(filters: Filters) -> list[Node]:
    high = filters.values.flat[0]
    return [
        const_node(filters.codes.tensor, np.full(filters.values.shape, 127, np.int8), "qint8"),
        const_node(filters.codes.low, -high),
        const_node(filters.codes.high, high),
    ]


def _flattened(name: str, tensor: str, average: Average, dtype: str) -> list[Node]:
    if not average.flat:
        return []
    shape = const_node(f"{name}_flat_shape", np.array([-1, average.channels], np.int32))
    attrs = {"T": dtype_attr(dtype), "Tshape": dtype_attr("int32")}
    return [shape, Node(name, "Reshape", (tensor, shape.name), attrs)]
