"""Which float ops TensorFlow's generic eight-bit ops stand in for, and where they do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from octavo.graph import Graph, Node, const_value
from octavo.graph.miss import Miss
from octavo.runtime.shapes import Shape

LARGEST_RANK = 5
"""QuantizeV2 takes tensors of this rank at most."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """An eight-bit op.

    Args:
        op: its type.
        types: its attributes for the dtypes of its quantized inputs, all quint8.
        wide: its attribute for the dtype of its output, qint32; empty when the output is quint8.
        copied: the float op's attributes that it has as well.
        plain: which inputs of the float op it takes as they are.
        lows_first: whether all inputs' lowest values come before all highest ones, rather than pair by pair.
    """

    op: str
    types: tuple[str, ...] = ("T",)
    wide: str = ""
    copied: tuple[str, ...] = ()
    plain: frozenset[int] = frozenset()
    lows_first: bool = False


_POOL = ("ksize", "strides", "padding")
_TWO = ("T1", "T2")
_SECOND = frozenset({1})

KERNELS: Mapping[str, Kernel] = {
    "Add": Kernel("QuantizedAdd", _TWO, "Toutput"),
    "AddV2": Kernel("QuantizedAdd", _TWO, "Toutput"),
    "AvgPool": Kernel("QuantizedAvgPool", copied=_POOL),
    "BiasAdd": Kernel("QuantizedBiasAdd", _TWO, "out_type"),
    "Concat": Kernel("QuantizedConcat", copied=("N",), plain=frozenset({0}), lows_first=True),
    "ConcatV2": Kernel("QuantizedConcat", copied=("N",), plain=frozenset({-1}), lows_first=True),
    "Conv2D": Kernel("QuantizedConv2D", ("Tinput", "Tfilter"), "out_type", ("strides", "padding")),
    "MatMul": Kernel("QuantizedMatMul", _TWO, "Toutput", ("transpose_a", "transpose_b")),
    "MaxPool": Kernel("QuantizedMaxPool", copied=_POOL),
    "Mul": Kernel("QuantizedMul", _TWO, "Toutput"),
    "Relu": Kernel("QuantizedRelu", ("Tinput",)),
    "Relu6": Kernel("QuantizedRelu6", ("Tinput",)),
    "Reshape": Kernel("QuantizedReshape", copied=("Tshape",), plain=_SECOND),
    "ResizeBilinear": Kernel("QuantizedResizeBilinear", copied=("align_corners", "half_pixel_centers"), plain=_SECOND),
}
"""Float op type -> its eight-bit op."""

GONE: Mapping[str, str] = {"Conv2DBackpropInput": "QuantizedConv2DTranspose"}
"""Float op type -> its eight-bit op in the original's list, which TensorFlow 2 does not have."""

FIXED_RANK = frozenset({"AvgPool", "Conv2D", "MatMul", "MaxPool", "ResizeBilinear"})
"""Op types whose inputs have a rank that QuantizeV2 takes."""


def check(graph: Graph, node: Node, shapes: Mapping[str, Shape]) -> None:
    """Raise a Miss where an eight-bit op computes something else than a float op, or fails.

    Args:
        graph: the graph.
        node: a node of KERNELS or GONE.
        shapes: the shapes of the graph's tensors, as far as they are known.
    """
    if node.op in GONE:
        raise Miss(f"TensorFlow has no {GONE[node.op]}", at=node.name)
    dtype = node.dtype("T")
    if dtype != "float32":
        raise Miss(f"it computes in {dtype}", at=node.name)
    if node.name in graph.input_names:
        raise Miss("the caller feeds it", at=node.name)
    _check_layout(node)
    if node.op in {"Add", "AddV2", "Mul"}:
        _check_broadcast(node, *(shapes.get(t) for t in node.data_inputs))
    if node.op not in FIXED_RANK:
        for tensor in (*quantized_inputs(node), node.name):
            shape = shapes.get(tensor)
            if shape is None or len(shape) > LARGEST_RANK:
                raise Miss(f"the rank of {tensor!r} is not known to be {LARGEST_RANK} or less", at=node.name)
    if node.op == "Reshape" and _only_measured(graph, node):
        raise Miss("it serves to measure a range", at=node.name)


def quantized_inputs(node: Node) -> tuple[str, ...]:
    """The inputs of a float op that its eight-bit op takes as codes."""
    inputs = node.data_inputs
    plain = {n % len(inputs) for n in KERNELS[node.op].plain}
    return tuple(t for n, t in enumerate(inputs) if n not in plain)


def plain_inputs(node: Node) -> tuple[str, ...]:
    """The inputs of a float op that its eight-bit op takes as they are."""
    codes = set(quantized_inputs(node))
    return tuple(t for t in node.data_inputs if t not in codes)


def trained_range(graph: Graph, node: Node) -> bool:
    """Whether a node is a FakeQuantWithMinMaxVars of eight bits whose range is constant and holds 0."""
    if node.op != "FakeQuantWithMinMaxVars" or node.name in graph.input_names:
        return False
    ends = [graph.producer(t) for t in node.data_inputs[1:]]
    if any(end.op != "Const" or end.name in graph.input_names for end in ends):
        return False
    low, high = (const_value(end) for end in ends)
    whole = node.integer("num_bits") == 8 and not node.flag("narrow_range")
    return whole and low.shape == high.shape == () and bool(low <= 0 <= high and low < high)


def _only_measured(graph: Graph, node: Node) -> bool:
    """Whether a node does nothing but lay out a tensor for the Min and the Max of its range."""
    readers = graph.consumers[node.name]
    return node.name not in graph.output_names and sorted(reader.op for reader in readers) == ["Max", "Min"]


def _check_layout(node: Node) -> None:
    layout = node.text("data_format", "NHWC")
    if layout != "NHWC":
        raise Miss(f"its data_format is {layout}", at=node.name)
    if any(n != 1 for n in node.integers("dilations", ())):
        raise Miss("it has dilations", at=node.name)
    if node.attr("Tidx") is not None and node.dtype("Tidx") != "int32":
        raise Miss(f"its axis is {node.dtype('Tidx')}", at=node.name)
    if node.text("padding", "SAME") not in {"SAME", "VALID"}:
        raise Miss("its padding is EXPLICIT", at=node.name)
    if "ksize" in node.attrs and (node.integers("ksize")[0], node.integers("ksize")[3]) != (1, 1):
        raise Miss("it pools over images or channels", at=node.name)


def _check_broadcast(node: Node, one: Shape, other: Shape) -> None:
    """Raise a Miss unless the shorter shape is an end of the longer one, which is what the eight-bit ops repeat.

    TensorFlow 2.21 gives wrong numbers for [2, 3, 4] and [2, 3, 1], without an error. One unknown size in front of
    both, the batch, is either the same or 1.
    """
    if one is None or other is None:
        raise Miss("the shapes of its inputs are not known", at=node.name)
    if len(one) == len(other) and one[:1] == other[:1] == (None,):
        one, other = one[1:], other[1:]
        alike = one == other
    else:
        one, other = sorted((_without_ones(one), _without_ones(other)), key=len)
        alike = not one or other[-len(one) :] == one
    if not alike or None in one:
        shapes = " and ".join(map(_spelled, (one, other)))
        raise Miss(f"{KERNELS[node.op].op} broadcasts {shapes} wrongly, or not at all", at=node.name)


def _without_ones(shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
    while shape and shape[0] == 1:
        shape = shape[1:]
    return shape


def _spelled(shape: tuple[int | None, ...]) -> str:
    return f"[{', '.join('?' if size is None else str(size) for size in shape)}]"
