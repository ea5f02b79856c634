"""Compute in eight bits what TensorFlow's generic quantized ops can, on codes that pass from op to op.

    quantize_nodes(input_min=-1, input_max=1)

Before:
    x = Placeholder() shape=<1,2,2,1>
    r = Relu(x)
    y = MaxPool(r) ksize=[1, 2, 2, 1]
After:
    x = Placeholder() dtype=quint8 shape=<1,2,2,1>
    x_eightbit/min = Const() value=float32<>[-1]
    x_eightbit/max = Const() value=float32<>[1]
    r/eightbit = QuantizedRelu(x, x_eightbit/min, x_eightbit/max) Tinput=quint8
    y/eightbit = QuantizedMaxPool(r/eightbit, r/eightbit:1, r/eightbit:2) T=quint8 ksize=[1, 2, 2, 1]
    y = Dequantize(y/eightbit, y/eightbit:1, y/eightbit:2) T=quint8 mode="MIN_FIRST"

Run quantize_weights first, so that the file holds codes. The ops are Add, AddV2, AvgPool, BiasAdd, Concat, ConcatV2,
Conv2D, MatMul, MaxPool, Mul, Relu, Relu6, Reshape and ResizeBilinear, of float32. A float tensor on its way in is
measured in each run, by a Min and a Max, and becomes codes of quint8 in mode MIN_FIRST; a Const becomes codes at once.
What comes out in 32 bits goes through a RequantizationRange, or the range of fallback_min and fallback_max, or that of
a FakeQuantWithMinMaxVars behind it, between which ops may stand that let a range pass: Relu, Relu6, MaxPool, Reshape.
With input_min and input_max the float Placeholders take codes of quint8 in that range.

What TensorFlow gets wrong stays float, and is logged with the reason: QuantizedAdd and QuantizedMul repeat an operand
along the first dimensions only, without an error for others; QuantizeV2 takes rank 5 at most; the quantized convs and
pools know neither dilations nor explicit paddings nor channels first. TensorFlow 2 has no QuantizedConv2DTranspose.
Most of these ops are plain kernels, slower than the float ones: for speed, use quantize_graph with
--intel_cpu_eightbitize=True. Eight bits are few for biases: ignore_op=BiasAdd leaves them float, which MobileNets need.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from octavo.errors import SpecError
from octavo.generic_eightbit.eightbit import Converter, is_decoded, without_unread
from octavo.generic_eightbit.eightbit_kernels import GONE, KERNELS, check, quantized_inputs, trained_range
from octavo.graph import Graph, Node, rewire
from octavo.graph.miss import Miss
from octavo.graph.rewrite import Misses, Outcome
from octavo.graph.sort import execution_order
from octavo.runtime.shapes import Shape, static_shapes

LOG = logging.getLogger(__name__)

RANGE_KEEPERS = frozenset({"Relu", "Relu6", "MaxPool", "Reshape"})
"""Op types that commute with a clipping to a range that holds 0."""


def quantize_nodes(
    graph: Graph,
    *,
    input_min: float | None = None,
    input_max: float | None = None,
    fallback_min: float | None = None,
    fallback_max: float | None = None,
    ignore_op: tuple[str, ...] = (),
) -> Outcome:
    """Compute in eight bits what TensorFlow's generic quantized ops can.

    Args:
        graph: the float graph.
        input_min: the lowest value of the Placeholders, which then take codes; with input_max, or neither.
        input_max: their highest value.
        fallback_min: the lowest value of what 32-bit ops compute; with fallback_max, or neither.
        fallback_max: the highest value of it.
        ignore_op: an op type that stays float; may be given several times.

    Raises:
        SpecError: when one end of a range is given without the other, or the low end is not below the high one.
        GraphError: when TensorFlow cannot load the graph, whose shapes it infers.
    """
    inputs = _range("input", input_min, input_max)
    fallback = _range("fallback", fallback_min, fallback_max)
    chosen, missed = _chosen(graph, ignore_op)
    absorbed, trained = _trained(graph, chosen)
    converter = Converter(graph, fallback, trained)
    renames: dict[str, str] = {}
    for node in execution_order(graph):
        if node.name in chosen:
            converter.convert(node)
        elif trained_range(graph, node):
            converter.convert_fake_quant(node, absorbed=node.name in absorbed)
        elif inputs and node.op == "Placeholder" and node.dtype("dtype") == "float32":
            renames[node.name] = converter.convert_placeholder(node, *inputs)
        else:
            converter.keep(node)
    nodes = without_unread(_read_floats(converter, renames), _may_go(graph, converter))
    return Outcome(graph.with_nodes(nodes), missed=missed)


def _range(what: str, low: float | None, high: float | None) -> tuple[float, float] | None:
    if low is None and high is None:
        return None
    if low is None or high is None:
        raise SpecError(f"quantize_nodes takes {what}_min and {what}_max together, or neither")
    if not low < high:
        raise SpecError(f"quantize_nodes: {what}_min is {low} and {what}_max {high}; wanted a lower and a higher value")
    return low, high


def _chosen(graph: Graph, ignored: tuple[str, ...]) -> tuple[frozenset[str], Misses]:
    """The names of the nodes that become eight-bit ops, and why others do not, which is logged."""
    known = [n for n in graph.nodes.values() if n.op in KERNELS or n.op in GONE]
    candidates = [node for node in known if node.op not in ignored]
    shapes = _shapes(graph, candidates)
    chosen: set[str] = set()
    missed: dict[str, list[tuple[str, Miss]]] = {}
    for node in candidates:
        try:
            check(graph, node, shapes)
            chosen.add(node.name)
        except Miss as miss:
            LOG.warning("quantize_nodes: %s %r stays float: %s", node.op, node.name, miss.reason)
            missed[node.name] = [("quantize_nodes", miss)]
    return frozenset(chosen), missed


def _shapes(graph: Graph, nodes: list[Node]) -> Mapping[str, Shape]:
    kernels = [node for node in nodes if node.op in KERNELS]
    tensors = dict.fromkeys(t for node in kernels for t in (*quantized_inputs(node), node.name))
    return static_shapes(graph, tensors) if tensors else {}


def _trained(graph: Graph, chosen: frozenset[str]) -> tuple[frozenset[str], dict[str, tuple[str, str]]]:
    """The FakeQuants that a 32-bit op takes over, by name; and each such op's range."""
    absorbed: set[str] = set()
    trained: dict[str, tuple[str, str]] = {}
    for node in graph.nodes.values():
        if trained_range(graph, node):
            maker = _wide_op_behind(graph, node, chosen)
            if maker is not None:
                absorbed.add(node.name)
                trained[maker.name] = (node.data_inputs[1], node.data_inputs[2])
    return frozenset(absorbed), trained


def _wide_op_behind(graph: Graph, node: Node, chosen: frozenset[str]) -> Node | None:
    """The 32-bit op whose result, through ops that keep ranges, a FakeQuant reads and nothing else does."""
    while True:
        maker = graph.producer(node.data_inputs[0])
        alone = len(graph.consumers[maker.name]) == 1 and maker.name not in graph.output_names
        if not alone or maker.name not in chosen:
            return None
        if KERNELS[maker.op].wide:
            return maker
        if maker.op not in RANGE_KEEPERS:
            return None
        node = maker


def _read_floats(converter: Converter, renames: Mapping[str, str]) -> dict[str, Node]:
    """The nodes made, those that read a Placeholder's floats reading what stands for them."""
    graph = converter.graph
    same = {name for name, node in converter.made.items() if graph.nodes.get(name) is node}
    return {n.name: rewire([n], renames)[0] if n.name in same else n for n in converter.made.values()}


def _may_go(graph: Graph, converter: Converter) -> list[str]:
    """The floats that something read before, and that nothing may read now."""
    ends = graph.output_names | graph.input_names
    decoded = [name for name, node in converter.made.items() if is_decoded(node) or node.op == "Const"]
    return [name for name in decoded if name not in ends and (name not in graph.nodes or graph.consumers[name])]
