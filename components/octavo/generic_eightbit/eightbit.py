"""Putting eight-bit ops in the place of float ops: each takes codes and ranges, and hands them on to the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from octavo.generic_eightbit.eightbit_kernels import KERNELS, Kernel, plain_inputs, quantized_inputs
from octavo.generic_eightbit.min_first import DTYPE, MODE, dequantize, encoded
from octavo.graph import Graph, Node, const_node, const_value, producer_name, safe_name
from octavo.graph.attrs import DType
from octavo.graph.names import fresh_name

Codes = tuple[str, str, str]
"""The tensors of codes, lowest and highest value that stand for a float tensor."""

WIDE = "qint32"

NARROWEST = 1e-9
"""The narrowest range of codes; TensorFlow's default, 0.01, takes the bits from tensors of small numbers."""


@dataclass(slots=True)
class Converter:
    """A graph on its way to eight bits.

    Args:
        graph: the float graph.
        fallback: the range of what 32-bit ops compute; None to measure it in each run.
        trained: the name of a 32-bit op -> the tensors of its range, from training.
        made: the nodes of the new graph so far, by name.
        codes: float tensor -> its codes, as far as they are known.
    """

    graph: Graph
    fallback: tuple[float, float] | None = None
    trained: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    made: dict[str, Node] = field(default_factory=dict)
    codes: dict[str, Codes] = field(default_factory=dict)
    taken: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.taken = set(self.graph.nodes)

    def keep(self, node: Node) -> str:
        """Add a node as it is; returns its name."""
        self.made[node.name] = node
        self.taken.add(node.name)
        return node.name

    def convert(self, node: Node) -> None:
        """Add the eight-bit form of a node of KERNELS; a Dequantize takes its name."""
        kernel = KERNELS[node.op]
        codes = [self._codes_of(tensor, node) for tensor in quantized_inputs(node)]
        inputs = (*_inputs(kernel, codes, plain_inputs(node)), *node.control_inputs)
        attrs = {key: value for key in kernel.copied if (value := node.attr(key)) is not None}
        attrs |= {key: DType(DTYPE) for key in kernel.types}
        attrs |= {kernel.wide: DType(WIDE)} if kernel.wide else {}
        main = _outputs(self._add(f"{node.name}/eightbit", kernel.op, inputs, node.device, **attrs))
        self.codes[node.name] = self._requantized(node, main) if kernel.wide else main
        self.keep(dequantize(node.name, self.codes[node.name], device=node.device))

    def convert_fake_quant(self, node: Node, *, absorbed: bool) -> None:
        """Add what stands for a FakeQuantWithMinMaxVars; a Dequantize takes its name.

        Args:
            node: the node.
            absorbed: whether the 32-bit op before it has its range; its input's codes then stand for it.
        """
        tensor, low, high = node.data_inputs
        if not absorbed or tensor not in self.codes:
            self.codes[node.name] = self._quantized(f"{node.name}_eightbit/quantize", tensor, (low, high))
        else:
            self.codes[node.name] = self.codes[tensor]
        self.keep(dequantize(node.name, self.codes[node.name], control=node.control_inputs, device=node.device))

    def convert_placeholder(self, node: Node, low: float, high: float) -> str:
        """Add a Placeholder that takes codes; returns the float tensor that stands for it."""
        self.keep(node.with_attrs(dtype=DType(DTYPE)))
        lowest = self._const(f"{node.name}_eightbit/min", np.float32(low))
        highest = self._const(f"{node.name}_eightbit/max", np.float32(high))
        self.codes[node.name] = (node.name, lowest, highest)
        return self.keep(dequantize(self._free(f"{node.name}_eightbit/dequantize"), self.codes[node.name]))

    def _codes_of(self, tensor: str, reader: Node) -> Codes:
        if tensor not in self.codes:
            maker = self.graph.producer(tensor)
            if is_decoded(maker):
                code, low, high = maker.data_inputs
                self.codes[tensor] = (code, low, high)
            elif self._can_be_encoded(maker):
                self.codes[tensor] = self._encoded(maker)
            else:
                self.codes[tensor] = self._measured(tensor, f"{reader.name}_eightbit/{safe_name(tensor)}")
        return self.codes[tensor]

    def _can_be_encoded(self, node: Node) -> bool:
        if node.op != "Const" or node.name in self.graph.input_names:
            return False
        value = const_value(node)
        return value.size > 0 and bool(np.isfinite(value).all())

    def _encoded(self, const: Node) -> Codes:
        names = tuple(self._free(f"{const.name}_quantized_{what}") for what in ("const", "min", "max"))
        code, low, high = encoded(const, const_value(const), names=(names[0], names[1], names[2]))
        return self.keep(code), self.keep(low), self.keep(high)

    def _measured(self, tensor: str, prefix: str) -> Codes:
        """The codes of a tensor between the lowest and the highest value that it has in each run."""
        here = f"^{producer_name(tensor)}"
        shape = self._const(f"{prefix}/reshape_dims", np.array([-1], np.int32), here)
        axis = self._const(f"{prefix}/reduction_dims", np.array([0], np.int32), here)
        types = {"T": DType("float32")}
        index = DType("int32")
        flat = self._add(f"{prefix}/reshape", "Reshape", (tensor, shape), Tshape=index, **types)
        reduced: dict[str, Any] = {"Tidx": index, "keep_dims": False, **types}
        low = self._add(f"{prefix}/min", "Min", (flat, axis), **reduced)
        high = self._add(f"{prefix}/max", "Max", (flat, axis), **reduced)
        return self._quantized(f"{prefix}/quantize", tensor, (low, high))

    def _quantized(self, name: str, tensor: str, ends: tuple[str, str]) -> Codes:
        attrs: dict[str, Any] = {"T": DType(DTYPE), "mode": MODE, "ensure_minimum_range": NARROWEST}
        return _outputs(self._add(name, "QuantizeV2", (tensor, *ends), **attrs))

    def _requantized(self, node: Node, wide: Codes) -> Codes:
        """The 32-bit codes of a node as eight-bit ones."""
        ends = self.trained.get(node.name) or self._output_range(node, wide)
        attrs = {"Tinput": DType(WIDE), "out_type": DType(DTYPE)}
        return _outputs(self._add(f"{wide[0]}/requantize", "Requantize", (*wide, *ends), node.device, **attrs))

    def _output_range(self, node: Node, wide: Codes) -> tuple[str, str]:
        main = wide[0]
        if self.fallback is None:
            name = f"{main}/requant_range"
            found = self._add(name, "RequantizationRange", wide, node.device, Tinput=DType(WIDE))
            return found, f"{found}:1"
        low, high = map(np.float32, self.fallback)
        here = f"^{main}"
        return self._const(f"{main}/fallback_min", low, here), self._const(f"{main}/fallback_max", high, here)

    def _add(self, name: str, op: str, inputs: tuple[str, ...], device: str = "", **attrs: Any) -> str:
        return self.keep(Node(self._free(name), op, inputs, attrs, device))

    def _const(self, name: str, value: npt.ArrayLike, *control: str) -> str:
        """Add a Const, behind control edges that keep it in the loop where its readers are."""
        return self.keep(replace(const_node(self._free(name), value), inputs=control))

    def _free(self, name: str) -> str:
        return fresh_name(name, self.taken)


def is_decoded(node: Node) -> bool:
    """Whether a node makes floats of eight-bit codes as `dequantize` does."""
    if node.op != "Dequantize" or node.dtype("T") != DTYPE:
        return False
    plain = node.integer("axis") == -1 and not node.flag("narrow_range")
    return plain and node.text("mode") == MODE


def without_unread(nodes: Mapping[str, Node], candidates: Iterable[str]) -> list[Node]:
    """The nodes without those candidates that nothing reads, or only other such candidates read.

    Args:
        nodes: the nodes, by name.
        candidates: names of nodes that may go.
    """
    readers = Counter(producer_name(t) for node in nodes.values() for t in node.inputs)
    may_go = set(candidates)
    todo = [name for name in may_go if not readers[name]]
    gone: set[str] = set()
    while todo:
        name = todo.pop()
        gone.add(name)
        for read in map(producer_name, nodes[name].inputs):
            readers[read] -= 1
            if not readers[read] and read in may_go:
                todo.append(read)
    return [node for node in nodes.values() if node.name not in gone]


def _inputs(kernel: Kernel, codes: list[Codes], plain: tuple[str, ...]) -> tuple[str, ...]:
    """An eight-bit op's inputs: values, then the ends of their ranges."""
    values = [code for code, _, _ in codes]
    if kernel.lows_first:
        return (*plain, *values, *(low for _, low, _ in codes), *(high for _, _, high in codes))
    return (*values, *plain, *(end for _, low, high in codes for end in (low, high)))


def _outputs(name: str) -> Codes:
    return name, f"{name}:1", f"{name}:2"
