"""Fusing the Requantize behind one of Intel's 32-bit kernels into it, once its range is a constant."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from octavo.graph import Graph, Node, const_node, producer_name
from octavo.graph.attrs import DType
from octavo.graph.constants import constant
from octavo.graph.miss import Miss
from octavo.graph.rewrite import Outcome
from octavo.graph.sort import execution_order
from octavo.graph.workspace import Edit, Workspace
from octavo.int8.encoding import MIN_MAGNITUDE
from octavo.int8.ops import Codes, Fusion, dequantize, fused_quantized_conv, public_quantized_conv, quantize_v2
from octavo.int8.private_buffers import private_codes
from octavo.int8.spans import Span
from octavo.intel_graphs.int32_kernels import CONVS, REQUANTIZES, Int32Kernel, int32_kernel
from octavo.recipe import Target

LOG = logging.getLogger(__name__)

RELUS = frozenset({"Relu", "Relu6"})


@dataclass(frozen=True, slots=True)
class Requantized:
    """A 32-bit kernel with the Requantize behind it, and the values that its 8-bit result stands for."""

    name: str
    kernel: Int32Kernel
    low: float
    high: float
    control_inputs: tuple[str, ...]

    @property
    def span(self) -> Span:
        """The span of the result: from zero behind a Relu, symmetric elsewhere."""
        if self.kernel.relu:
            return Span("quint8", 0.0, max(self.high, MIN_MAGNITUDE))
        magnitude = max(abs(self.low), abs(self.high), MIN_MAGNITUDE)
        return Span("qint8", -magnitude, magnitude)


def each_requantize(graph: Graph, ops: frozenset[str], fused: Callable[[Workspace, Requantized], Edit]) -> Outcome:
    """Fuse every Requantize with a constant range that reads a kernel of some types; say what stays, and why."""
    space = Workspace(graph)
    missed: dict[str, list[tuple[str, Miss]]] = {}
    for node in execution_order(graph):
        if node.op not in REQUANTIZES or space.producer(node.data_inputs[0]).op not in ops:
            continue
        try:
            space.apply(fused(space, _requantized(space, space.nodes[node.name])))
        except Miss as miss:
            LOG.warning("%s %r stays as it is: %s", node.op, node.name, miss)
            missed[node.name] = [("each_requantize", miss)]
    return Outcome(space.graph(), missed=missed)


def fuse_convs(graph: Graph, *, target: Target) -> Outcome:
    """Fuse every Requantize with a constant range into the 32-bit conv before it.

    Args:
        graph: a graph that Intel's quantize_graph wrote.
        target: "public" for the ops under Intel's names where TensorFlow computes them right, "fused" for the newer
            ones.
    """
    fuser = _ConvFuser(target)
    return each_requantize(graph, CONVS, fuser.fused)


def const_tensor(space: Workspace, tensor: str, what: str) -> Node:
    """The Const that a kernel's input has to be.

    Raises:
        Miss: when it is none.
    """
    node = space.producer(tensor)
    if node.op != "Const":
        raise Miss(f"{what} is the {node.op} {node.name!r}; the kernels take a Const", at=tensor)
    return node


def retyped_readers(space: Workspace, made: Requantized, dtype: str) -> tuple[Node, ...]:
    """The Dequantize nodes behind a Requantize whose codes change their type.

    Raises:
        Miss: when something else reads codes that would change their type.
    """
    before = space.nodes[made.name].dtype("out_type")
    readers = [node for node in space.readers(made.name) if made.name in node.data_inputs]
    others = [node for node in readers if node.op != "Dequantize"]
    if before != dtype and others:
        raise Miss(f"{others[0].op} {others[0].name!r} reads it as {before}; the kernel gives {dtype}", at=made.name)
    if before != dtype and made.name in space.output_names:
        raise Miss(f"it is a graph output of type {before}; the kernel gives {dtype}", at=made.name)
    if dtype == "quint8":
        return ()
    return tuple(_symmetric(node, dtype) for node in readers if node.op == "Dequantize")


def _symmetric(node: Node, dtype: str) -> Node:
    made = dequantize(node.name, *node.data_inputs, dtype=dtype)
    return replace(made, inputs=node.inputs, device=node.device)


def _requantized(space: Workspace, node: Node) -> Requantized:
    name = producer_name(node.data_inputs[0])
    if node.data_inputs[:3] != (name, f"{name}:1", f"{name}:2"):
        raise Miss(f"it reads {', '.join(node.data_inputs[:3])}; wanted the three outputs of one kernel", at=node.name)
    kernel = int32_kernel(space.nodes[name])
    ends = [constant(space, tensor) for tensor in node.data_inputs[3:5]]
    if any(end.size != 1 for end in ends):
        raise Miss("its range has more than one number an end", at=node.name)
    low, high = (float(end.reshape(())) for end in ends)
    if not (np.isfinite(low) and np.isfinite(high) and low <= high):
        raise Miss(f"its range is [{low:g}, {high:g}]", at=node.name)
    edges = dict.fromkeys((*kernel.node.control_inputs, *node.control_inputs))
    return Requantized(node.name, kernel, low, high, tuple(edges))


@dataclass(frozen=True)
class _Summand:
    """What a kernel adds: its codes, what they hold more than the true values, and the nodes that make them."""

    codes: Codes
    shift: float = 0.0
    made: tuple[Node, ...] = ()


@dataclass
class _ConvFuser:
    target: Target
    made: dict[str, Requantized] = field(default_factory=dict)

    def fused(self, space: Workspace, found: Requantized) -> Edit:
        """The edit that fuses a Requantize into its conv."""
        span = found.span
        dequantizes = retyped_readers(space, found, span.dtype)
        summand = self._summand(space, found)
        nodes = self._kernel(space, found, span, summand)
        self.made[found.name] = found
        extra = summand.made if summand else ()
        replaced = {node.name for node in extra if node.name in space.nodes}
        drop = frozenset({found.name, *(node.name for node in dequantizes), *replaced})
        return Edit(drop, (*extra, *nodes, *dequantizes))

    def _kernel(self, space: Workspace, found: Requantized, span: Span, summand: _Summand | None) -> tuple[Node, ...]:
        """The 8-bit kernel, after its Consts."""
        kernel = found.kernel
        const_tensor(space, kernel.weights.tensor, "the filter")
        low, high = (
            const_node(_own_name(space, found.name, f"{found.name}_{end}"), np.float32(value))
            for end, value in (("low", span.low), ("high", span.high))
        )
        bias, consts = self._bias(space, found, span.shift - (summand.shift if summand else 0.0))
        relu = kernel.relu or span.shift != 0.0
        codes = summand.codes if summand else None
        fusion = Fusion(bias, codes, relu, low.name, high.name, span.dtype)
        build = public_quantized_conv if self._is_public(kernel, fusion) else fused_quantized_conv
        node = build(
            found.name,
            kernel.data,
            kernel.weights,
            kernel.window,
            fusion,
            depthwise=kernel.depthwise,
            controls=found.control_inputs,
        )
        return low, high, *consts, node.with_attrs(_octavo_name=found.name)

    def _is_public(self, kernel: Int32Kernel, fusion: Fusion) -> bool:
        """Whether the op under Intel's name is wanted and there: it adds to, and looks depthwise at, unsigned data."""
        unsigned = kernel.data.dtype == "quint8"
        missing = (kernel.depthwise and not (unsigned and fusion.relu)) or (fusion.summand is not None and not unsigned)
        return self.target == "public" and not missing

    def _bias(self, space: Workspace, found: Requantized, shift: float) -> tuple[str, tuple[Node, ...]]:
        """The bias's tensor, and its Const where that is a new one."""
        kernel = found.kernel
        if kernel.bias is None:
            filters = const_tensor(space, kernel.weights.tensor, "the filter").tensor("value").sizes
            channels = filters[2] * filters[3] if kernel.depthwise else filters[3]
            value = np.zeros(channels, np.float32)
        else:
            value = constant(space, kernel.bias)
            if value.dtype != np.float32:
                raise Miss(f"its bias is {value.dtype}, wanted float32", at=kernel.bias)
            if not shift and space.producer(kernel.bias).op == "Const":
                return kernel.bias, ()
        name = _own_name(space, found.name, f"{found.name}_bias")
        return name, (const_node(name, (value + np.float64(shift)).astype(np.float32)),)

    def _summand(self, space: Workspace, found: Requantized) -> _Summand | None:
        """What a conv adds, as unsigned codes in a buffer that it may overwrite."""
        tensor = found.kernel.summand
        if tensor is None:
            return None
        back = space.producer(tensor)
        if back.op in RELUS and tensor == back.name:
            return _Summand(*_quantized_relu(space, found.name, back))
        if back.op != "Dequantize":
            raise Miss(f"its summand is made by {back.op} {back.name!r}; wanted a Dequantize or a Relu", at=tensor)
        dtype = back.dtype("T")
        if dtype == "quint8":
            codes, copies = private_codes(space, found.kernel.node, back, f"{found.name}_summand")
            return _Summand(codes, 0.0, copies)
        maker = self.made.get(producer_name(back.data_inputs[0]))
        if maker is None:
            raise Miss(f"its summand comes from {back.data_inputs[0]!r}, which is {dtype} of unknown range", at=tensor)
        if _is_alone(space, maker.name, back.name) and _is_alone(space, back.name, found.kernel.node.name):
            return self._shifted(space, maker)
        return _requantized_summand(space, found.name, back, maker)

    def _shifted(self, space: Workspace, maker: Requantized) -> _Summand:
        """Let the kernel that makes a signed summand add what makes it unsigned: its result is read here alone."""
        shift = max(-maker.low, 0.0)
        span = Span("quint8", 0.0, max(maker.high + shift, MIN_MAGNITUDE), shift)
        codes = Codes(maker.name, f"{maker.name}:1", f"{maker.name}:2", "quint8")
        return _Summand(codes, shift, self._kernel(space, maker, span, None))


def _own_name(space: Workspace, kernel: str, name: str) -> str:
    """The name, which the kernel's own earlier Const of this name may have."""
    taken = name in space.nodes and {node.name for node in space.readers(name)} != {kernel}
    return space.fresh_name(name) if taken else name


def _is_alone(space: Workspace, name: str, reader: str) -> bool:
    return {node.name for node in space.readers(name)} == {reader} and name not in space.output_names


def _requantized_summand(space: Workspace, name: str, back: Node, maker: Requantized) -> _Summand:
    """A signed summand that others read as well, quantized anew as unsigned codes: float arithmetic, but right."""
    shift = max(-maker.low, 0.0)
    codes = [space.fresh_name(f"{name}_summand{end}") for end in ("", "_shift", "_shifted", "_low", "_high")]
    summand, offset, shifted, low, high = codes
    made = (
        const_node(offset, np.float32(shift)),
        Node(shifted, "AddV2", (back.name, offset), {"T": DType("float32")}),
        const_node(low, np.float32(0)),
        const_node(high, np.float32(max(maker.high + shift, MIN_MAGNITUDE))),
        quantize_v2(summand, shifted, low, high, dtype="quint8"),
    )
    return _Summand(Codes(summand, f"{summand}:1", f"{summand}:2", "quint8"), shift, made)


def _quantized_relu(space: Workspace, name: str, relu: Node) -> tuple[Codes, float, tuple[Node, ...]]:
    """A Relu's float result as unsigned codes, their range measured as the graph runs."""
    labels = [space.fresh_name(f"{name}_summand{end}") for end in ("", "_axes", "_max", "_low")]
    summand, axes, high, low = labels
    attrs = {"T": relu.attrs["T"], "keep_dims": False, "Tidx": DType("int32")}
    made = (
        const_node(axes, np.arange(4, dtype=np.int32)),
        Node(high, "Max", (relu.name, axes), attrs),
        const_node(low, np.float32(0)),
        quantize_v2(summand, relu.name, low, high, dtype="quint8").with_attrs(ensure_minimum_range=MIN_MAGNITUDE),
    )
    return Codes(summand, f"{summand}:1", f"{summand}:2", "quint8"), 0.0, made
