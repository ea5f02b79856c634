"""A QDQ graph while it is lowered: what its codes mean, and the constants that kernels read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property

import numpy as np

from octavo.graph.graph import Graph, Node
from octavo.graph.miss import Miss
from octavo.graph.names import fresh_name, producer_name
from octavo.graph.sort import execution_order
from octavo.graph.tensors import Array, const_node, const_value
from octavo.int8.chain import ANCHORS, Chain, climb, const_behind
from octavo.int8.kernels import Operand
from octavo.int8.node_names import ZERO, kernel_range
from octavo.int8.ops import Codes
from octavo.int8.spans import EIGHT_BITS, Span, quantized_dtype, span_of
from octavo.recipe import Target
from octavo.runtime.sample_shapes import sample_shapes
from octavo.runtime.shapes import Shape, static_shapes


class Site:
    """What a rule sees.

    Attributes:
        graph: the QDQ graph.
        target: the op set.
        order: its nodes in execution order.
        chains: root name -> chain.
        spans: QuantizeV2 of a frozen range -> what its codes stand for, or those of what stands in its place.
        consts: the constants that were made, by name.
    """

    def __init__(self, graph: Graph, target: Target) -> None:
        self.graph = graph
        self.target: Target = target
        self.order = execution_order(graph)
        chains = (climb(graph, node) for node in self.order if node.op in ANCHORS)
        self.chains: Mapping[str, Chain] = {chain.root.name: chain for chain in chains}
        spans = {node.name: span_of(graph, node) for node in self.quantizers}
        self.spans: dict[str, Span] = {name: span for name, span in spans.items() if span is not None}
        self.consts: dict[str, Node] = {}

    @property
    def quantizers(self) -> list[Node]:
        """The QuantizeV2 nodes of eight bits, in execution order."""
        return [node for node in self.order if node.op == "QuantizeV2" and quantized_dtype(node) in EIGHT_BITS]

    @cached_property
    def shapes(self) -> Mapping[str, Shape]:
        """The shapes of all tensors that are read, for one size of batch."""
        return sample_shapes(self.graph, self._read)

    @cached_property
    def declared_shapes(self) -> Mapping[str, Shape]:
        """The shapes of all tensors that are read, where placeholders are fed what they declare."""
        return static_shapes(self.graph, self._read)

    @property
    def _read(self) -> Collection[str]:
        return {tensor for node in self.order for tensor in node.data_inputs}

    def ends_chain(self, op: Node, anchors: Collection[str]) -> bool:
        """Whether an op is the root of a chain whose anchor is of one of some types."""
        return op.name in self.chains and self.chains[op.name].anchor.op in anchors

    def constant(self, tensor: str) -> Array | None:
        """The value of a Const, behind Identity nodes, too; None for anything else."""
        const = const_behind(self.graph, tensor)
        return None if const is None else const_value(const)

    def is_quantized(self, tensor: str) -> bool:
        """Whether a tensor is what a Dequantize makes of codes of a known span."""
        node = self.graph.nodes[producer_name(tensor)]
        return node.op == "Dequantize" and producer_name(node.data_inputs[0]) in self.spans

    def quantizer(self, tensor: str) -> Node:
        """The node that makes the codes behind a Dequantize."""
        return self.graph.nodes[producer_name(self.graph.nodes[producer_name(tensor)].data_inputs[0])]

    def is_read_once(self, tensor: str) -> bool:
        """Whether codes have one reader, behind one Dequantize."""
        back = self.graph.nodes[producer_name(tensor)]
        quantizer = self.quantizer(tensor)
        readers = [*self.graph.consumers[back.name], *self.graph.consumers[quantizer.name]]
        return len(readers) == 2 and not {back.name, quantizer.name} & set(self.graph.output_names)

    def operand(self, tensor: str) -> Operand:
        """The codes behind a Dequantize.

        Raises:
            Miss: when there are none of a known span.
        """
        if not self.is_quantized(tensor):
            raise Miss(f"it reads {tensor!r}, which is not quantized with a frozen range", at=tensor)
        name = self.quantizer(tensor).name
        return self.output(name, self.spans[name])

    def output(self, name: str, span: Span) -> Operand:
        """The codes that a node makes."""
        low, high = (
            self.scalar(end, value) for end, value in zip(kernel_range(name), (span.low, span.high), strict=True)
        )
        return Operand(Codes(name, low, high, span.dtype), span)

    def scalar(self, name: str, value: float) -> str:
        """The name of a float32 scalar Const; all zeros are one."""
        name = ZERO if value == 0.0 else name
        made = const_node(name, np.float32(value))
        if self.graph.nodes.get(name) == made:
            return name
        name = fresh_name(name, self.graph.nodes)
        self.consts.setdefault(name, const_node(name, np.float32(value)))
        return name
