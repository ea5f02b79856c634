"""Lower a QDQ graph with frozen ranges to TensorFlow's INT8 kernels.

A QDQ graph is float arithmetic between QuantizeV2/Dequantize pairs. Each QuantizeV2 of eight bits is looked at in
execution order. What computes its float input decides what it becomes:

    conv or matmul chain over Dequantize     one kernel with bias, sum, Relu and requantization inside;
                                             an image's conv may read pairs of columns
    MaxPool, AvgPool over Dequantize         QuantizedMaxPool, QuantizedAvgPool
    ConcatV2 over Dequantize                 QuantizedConcatV2
    Mean, AvgPool of whole images            a depthwise conv with a filter of ones
    Pad of channels only                     a conv with an identity filter
    Pad of rows and columns                  a Pad of the codes, as 32-bit integers of four
    other Pads; Reshape, Squeeze,            the same op on the codes
      StridedSlice
    Transpose, ResizeNearestNeighbor,        the same op on the codes, as plain integers between two Bitcasts
      DepthToSpace, SpaceToDepth
    anything else                            it stays: this is where float data enter

A matmul chain that float ops read becomes a kernel that writes float32, a mean one with a Dequantize behind it.
Whatever does not fit stays as it is, which is float arithmetic and always right.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from octavo.graph.attrs import dtype_attr, string_attr
from octavo.graph.graph import Graph, Node, rewire
from octavo.graph.names import fresh_name, producer_name
from octavo.graph.op_defs import with_default_attrs
from octavo.graph.sort import execution_order
from octavo.graph.tensors import const_node, const_value
from octavo.int8.averages import MARK, Average, average_codes, average_floats, average_of
from octavo.int8.buffers import needs_private_copy
from octavo.int8.chain import CONVS, MATMULS, POOLS, Chain, climb, const_behind
from octavo.int8.channel_pads import Channels, channel_pad, padded_channels, picks_every_nth
from octavo.int8.checks import is_padded
from octavo.int8.corrections import without_unfrozen_corrections
from octavo.int8.encoding import MIN_MAGNITUDE
from octavo.int8.kernels import (
    Filters,
    Operand,
    Target,
    conv_kernel,
    filters_of,
    matmul_kernel,
    output_span,
    window_of,
)
from octavo.int8.ops import Codes, Window, bitcast, dequantize, private_copy, quantized_concat, quantized_pool
from octavo.int8.packed_pads import packed_pad, packs
from octavo.int8.paired_columns import Pairs, in_pairs, may_pair
from octavo.int8.spans import EIGHT_BITS, Span, constant_scalar, quantized_dtype, span_of
from octavo.runtime.sample_shapes import sample_shapes
from octavo.runtime.shapes import Shape, static_shapes

MOVERS = frozenset({"Pad", "Reshape", "Squeeze", "StridedSlice"})
PLAIN_MOVERS = frozenset({"Transpose", "ResizeNearestNeighbor", "DepthToSpace", "SpaceToDepth"})
"""Ops that TensorFlow has for plain integers, and not for quantized types."""
_READ = CONVS | MATMULS | POOLS | {"QuantizeV2", "Dequantize"}


@dataclass
class Lowering:
    """A lowered graph, and why some ops stayed float: node name -> reason."""

    graph: Graph
    missed: dict[str, str] = field(default_factory=dict)


class NotLoweredError(Exception):
    """One op stays float; the reason is its message."""


def lower(graph: Graph, *, target: Target = "fused") -> Lowering:
    """Lower every pair whose range is frozen.

    Args:
        graph: a QDQ graph.
        target: the op set: "fused" or "public".

    Raises:
        GraphError: when a frozen range is NaN, infinite or upside down.
    """
    graph = drop_observers(without_unfrozen_corrections(graph))
    return _Lowerer(replace(graph, nodes={n.name: _explicit(n) for n in graph.nodes.values()}), target).run()


def drop_observers(graph: Graph) -> Graph:
    """The graph without the range measurements that nothing reads any more."""
    if graph.outputs:
        return graph.without_dead_nodes()
    readers = {name: len(users) for name, users in graph.consumers.items()}
    dead = [name for name, count in readers.items() if count == 0 and "_eightbit_" in name]
    gone = set()
    while dead:
        name = dead.pop()
        gone.add(name)
        for source in {producer_name(t) for t in graph.nodes[name].inputs}:
            readers[source] -= 1
            if readers[source] == 0 and "_eightbit_" in source:
                dead.append(source)
    return replace(graph, nodes={name: node for name, node in graph.nodes.items() if name not in gone})


def _moved(name: str, mover: Node, codes: Codes) -> list[Node]:
    """An op that moves values, on the codes; the last node is named `name`."""
    if mover.op in MOVERS:
        return [_on(mover, name, codes.tensor, codes.dtype)]
    plain = codes.dtype.removeprefix("q")
    bits, moved = f"{name}_bits", f"{name}_moved_bits"
    return [
        bitcast(bits, codes.tensor, given=codes.dtype, made=plain),
        _on(mover, moved, bits, plain),
        bitcast(name, moved, given=plain, made=codes.dtype),
    ]


def _on(mover: Node, name: str, tensor: str, dtype: str) -> Node:
    return replace(mover, name=name, inputs=(tensor, *mover.inputs[1:])).with_attrs(T=dtype_attr(dtype))


def _explicit(node: Node) -> Node:
    """The node with the attributes written out that many tools leave away when they have their default values."""
    return with_default_attrs(node) if node.op in _READ else node


def _apart(name: str, made: list[Node], taken: Collection[str]) -> list[Node]:
    """What stands in a node's place, where another node of the graph has a name that is none of its own."""
    fresh = {n.name: fresh_name(n.name, taken) for n in made if n.name != name and n.name in taken}
    return [replace(n, name=fresh.get(n.name, n.name)) for n in rewire(made, fresh)] if fresh else made


def _unmergeable(node: Node) -> Node:
    """The kernel with its name as an attribute of its own.

    TensorFlow's optimizer merges equal nodes. Two equal kernels would then share one output buffer, and a conv that
    adds to it in place would find another reader there and kill the process.
    """
    return node if node.op == "Const" else node.with_attrs(_octavo_name=string_attr(node.name))


class _Lowerer:
    def __init__(self, graph: Graph, target: Target) -> None:
        self.graph = graph
        self.target: Target = target
        self.new: dict[str, list[Node]] = {}  # node name -> what stands in its place
        self.consts: dict[str, Node] = {}
        self.missed: dict[str, str] = {}
        self.spans: dict[str, Span] = {}
        self.chains: dict[str, Chain] = {}  # root name -> chain

    def run(self) -> Lowering:
        order = execution_order(self.graph)
        for node in order:
            if node.op in CONVS | MATMULS:
                chain = climb(self.graph, node)
                self.chains[chain.root.name] = chain
        quantizers = [n for n in order if n.op == "QuantizeV2" and quantized_dtype(n) in EIGHT_BITS]
        for node in quantizers:
            span = span_of(self.graph, node)
            if span is not None:
                self.spans[node.name] = self._capped(node, span)
        for node in quantizers:
            with self._noting(node.name):
                self._lower_quantize(node)
            if node.name not in self.new and node.name in self.spans:
                self.spans[node.name] = span_of(self.graph, node) or self.spans[node.name]  # as it quantizes itself
        self._lower_float_ends(order)
        return Lowering(self._rebuilt(), self.missed)

    def _lower_float_ends(self, order: Iterable[Node]) -> None:
        """What reads codes and is read by float ops alone."""
        for root, chain in self.chains.items():
            if chain.anchor.op in MATMULS and not self._feeds_quantize(root):
                with self._noting(chain.anchor.name):
                    self._lower_float_matmul(chain)
        for node in order:
            if MARK in node.attrs and not self._feeds_quantize(node.name):
                with self._noting(node.name):
                    self._lower_float_average(node)

    @contextmanager
    def _noting(self, name: str) -> Iterator[None]:
        """Let an op stay float when it cannot be lowered, and keep the reason."""
        try:
            yield
        except NotLoweredError as reason:
            self.missed[name] = str(reason)

    def _capped(self, node: Node, span: Span) -> Span:
        chain = self.chains.get(producer_name(node.data_inputs[0]))
        return span if chain is None else output_span(chain, span)

    def _feeds_quantize(self, root: str) -> bool:
        return any(n.op == "QuantizeV2" and n.name in self.new for n in self.graph.consumers[root])

    def _lower_quantize(self, node: Node) -> None:
        source = self.graph.nodes[producer_name(node.data_inputs[0])]
        if node.name not in self.spans:
            raise NotLoweredError(f"the range of {node.name!r} is not frozen")
        if source.name in self.chains:
            chain = self.chains[source.name]
            self.new[node.name] = self._conv(node, chain) if chain.anchor.op in CONVS else self._matmul(node, chain)
        elif source.op == "ConcatV2":
            self.new[node.name] = self._concat(node, source)
        elif MARK in source.attrs:
            data, average = self._averaged(source)
            output = Operand(self._codes(node.name), self.spans[node.name])
            self.new[node.name] = average_codes(node.name, source, average, data, output, self.target)
        elif source.op in POOLS | MOVERS | PLAIN_MOVERS and self._is_quantized(source.data_inputs[0]):
            data = self._operand(source.data_inputs[0])
            if source.op == "Pad" and data.span.shift != 0.0:
                raise NotLoweredError(f"{source.name!r} pads with zeros, which code 0 of its input does not stand for")
            self.spans[node.name] = data.span  # the codes stay what they were, whatever range was measured
            self.new[node.name] = self._carried(node.name, source, data)

    def _carried(self, name: str, carrier: Node, data: Operand) -> list[Node]:
        if carrier.op in POOLS:
            return [self._pool(name, carrier, data.codes)]
        return self._pad(name, carrier, data) if carrier.op == "Pad" else _moved(name, carrier, data.codes)

    def _pad(self, name: str, pad: Node, data: Operand) -> list[Node]:
        tensor = pad.data_inputs[0]
        channels = padded_channels(self.graph, pad, self._shapes[tensor])
        if channels is not None:
            return self._channel_pad(name, pad, data, channels)
        const = const_behind(self.graph, pad.data_inputs[1])
        if const is not None and packs(self._declared_shapes[tensor], const_value(const)):
            return packed_pad(name, pad, data.codes, self._declared_shapes[tensor], const_value(const))
        return _moved(name, pad, data.codes)

    def _channel_pad(self, name: str, pad: Node, data: Operand, channels: Channels) -> list[Node]:
        output = Operand(self._codes(name), self.spans[name])
        pool = self._picking_pool(pad.data_inputs[0])
        if pool is not None:
            data = self._operand(pool.data_inputs[0])
        return channel_pad(
            name,
            data,
            output,
            channels,
            strides=tuple(pool.attrs["strides"].list.i) if pool else (1, 1, 1, 1),
            controls=tuple(dict.fromkeys(t for n in (pad, pool) if n for t in n.control_inputs)),
            target=self.target,
        )

    def _picking_pool(self, tensor: str) -> Node | None:
        """The pool behind a tensor of codes that nothing else reads, when it only leaves pixels out."""
        pool = self.graph.nodes[producer_name(self._quantizer(tensor).data_inputs[0])]
        if pool.op not in POOLS or not picks_every_nth(pool):
            return None
        return pool if self._is_quantized(pool.data_inputs[0]) and self._is_read_once(tensor) else None

    def _concat(self, node: Node, concat: Node) -> list[Node]:
        const = const_behind(self.graph, concat.data_inputs[-1])
        if const is None:
            raise NotLoweredError("its axis is not a Const")
        axis = [const_node(f"{node.name}_axis", const_value(const).astype(np.int32))]  # the kernel reads no other
        parts = [self._operand(t) for t in concat.data_inputs[:-1]]
        spans = [part.span for part in parts]
        if len({(span.dtype, span.shift) for span in spans}) > 1:
            raise NotLoweredError("its inputs are partly signed, partly not")
        widest = replace(spans[0], low=min(s.low for s in spans), high=max(s.high for s in spans))
        self.spans[node.name] = widest  # what the kernel rescales to
        return [*axis, quantized_concat(node.name, [part.codes for part in parts], axis[0].name)]

    def _conv(self, node: Node, chain: Chain) -> list[Node]:
        filters = filters_of(self.graph, chain.anchor)
        if filters is None:
            raise NotLoweredError("its weights are not qint8 constants of a symmetric range")
        tensor, pads = self._unpadded(chain)
        data = self._operand(tensor)
        if data.span.shift != 0.0 and (any(pads) or is_padded(chain.anchor, filters.values.shape)):
            raise NotLoweredError("it pads with zeros, which code 0 of its input does not stand for")
        summand = None if chain.summand is None else self._operand(chain.summand)
        self._check_sum(node, chain, summand)
        window = window_of(chain.anchor, pads)
        viewed = []
        if pairs := self._in_pairs(node.name, tensor, chain, data, filters, window):
            data, filters, window = replace(data, codes=pairs.data), replace(filters, codes=pairs.filters), pairs.window
            viewed = pairs.nodes
        output = Operand(self._codes(node.name), self.spans[node.name])
        copies = []
        if summand is not None and chain.summand is not None and needs_private_copy(self.graph, chain):
            copy = private_copy(fresh_name(f"{node.name}_summand", self.graph.nodes), summand.codes)
            copies = [copy]
            summand = Operand(replace(summand.codes, tensor=copy.name), summand.span)
        return [
            *copies,
            *viewed,
            *conv_kernel(node.name, chain, filters, data, summand, output, target=self.target, window=window),
        ]

    def _in_pairs(
        self, name: str, tensor: str, chain: Chain, data: Operand, filters: Filters, window: Window
    ) -> Pairs | None:
        """What a conv of an image reads on pairs of columns; None where these are no gain."""
        if chain.anchor.op != "Conv2D" or self.target != "fused" or not may_pair(window, filters.values.shape):
            return None
        codes = const_value(self.graph.nodes[filters.codes.tensor])
        return in_pairs(name, data.codes, self._declared_shapes[tensor], filters.codes, codes, window)

    @cached_property
    def _shapes(self) -> Mapping[str, Shape]:
        """The shapes of what the Adds of chains read, and of what is padded."""
        totals = [chain.total for chain in self.chains.values() if chain.total is not None]
        return sample_shapes(self.graph, self._padded.union(*(total.data_inputs for total in totals)))

    @cached_property
    def _declared_shapes(self) -> Mapping[str, Shape]:
        """The shapes of what is padded, averaged or convolved, where placeholders are fed what they declare."""
        averaged = {node.data_inputs[0] for node in self.graph.nodes.values() if MARK in node.attrs}
        convolved = {chain.anchor.data_inputs[0] for chain in self.chains.values()}
        return static_shapes(self.graph, tuple(self._padded | averaged | convolved))

    @cached_property
    def _padded(self) -> set[str]:
        return {node.data_inputs[0] for node in self.graph.nodes.values() if node.op == "Pad"}

    def _check_sum(self, node: Node, chain: Chain, summand: Operand | None) -> None:
        if summand is None or chain.total is None:
            return
        first, second = (self._shapes[tensor] for tensor in chain.total.data_inputs)
        if first is None or first != second:
            raise NotLoweredError("the kernels add summands of the output's shape only")
        if summand.span.dtype != "quint8":
            raise NotLoweredError("its summand is signed; the kernels add unsigned summands only")
        if self.spans[node.name].dtype != "quint8":
            raise NotLoweredError("its sum is signed and has no shift; the kernels add before a Relu only")

    def _matmul(self, node: Node, chain: Chain) -> list[Node]:
        filters = filters_of(self.graph, chain.anchor)
        if filters is None:
            raise NotLoweredError("its weights are not qint8 constants of a symmetric range")
        output = Operand(self._codes(node.name), self.spans[node.name])
        return matmul_kernel(node.name, chain, filters, self._operand(chain.anchor.data_inputs[0]), output)

    def _lower_float_matmul(self, chain: Chain) -> None:
        filters = filters_of(self.graph, chain.anchor)
        if filters is None or not self._is_quantized(chain.anchor.data_inputs[0]):
            raise NotLoweredError("it does not read quantized data and weights")
        data = self._operand(chain.anchor.data_inputs[0])
        self.new[chain.root.name] = matmul_kernel(chain.root.name, chain, filters, data, None)

    def _lower_float_average(self, node: Node) -> None:
        data, average = self._averaged(node)
        if data.span.shift != 0.0:
            raise NotLoweredError("code 0 of its input does not stand for zero, and its 32-bit sums go without a bias")
        self.new[node.name] = average_floats(node.name, node, average, data)

    def _averaged(self, node: Node) -> tuple[Operand, Average]:
        tensor = node.data_inputs[0]
        average = average_of(self.graph, node, self._declared_shapes[tensor])
        if average is None:
            raise NotLoweredError("the size of the images that it averages is not known")
        return self._operand(tensor), average

    def _pool(self, name: str, pool: Node, data: Codes) -> Node:
        window = Window(tuple(pool.attrs["strides"].list.i), pool.attrs["padding"].s.decode())
        return quantized_pool(name, pool.op, data, ksize=tuple(pool.attrs["ksize"].list.i), window=window)

    def _unpadded(self, chain: Chain) -> tuple[str, tuple[int, ...]]:
        """A conv's data input, past a Pad that only it reads; and the Pad's eight numbers."""
        tensor = chain.anchor.data_inputs[0]
        if chain.anchor.attrs["padding"].s != b"VALID" or not self._is_quantized(tensor):
            return tensor, ()
        pad = self.graph.nodes[producer_name(self._quantizer(tensor).data_inputs[0])]
        if pad.op != "Pad" or not self._is_quantized(pad.data_inputs[0]) or len(self.graph.consumers[tensor]) != 1:
            return tensor, ()
        const = const_behind(self.graph, pad.data_inputs[1])
        if const is None:
            return tensor, ()
        paddings = const_value(const)
        if np.any(paddings[0]) or np.any(paddings[3]):
            return tensor, ()
        return pad.data_inputs[0], tuple(int(n) for n in paddings.reshape(-1))

    def _is_read_once(self, tensor: str) -> bool:
        """Whether codes have one reader, behind one Dequantize."""
        back = self.graph.nodes[producer_name(tensor)]
        quantizer = self._quantizer(tensor)
        readers = [*self.graph.consumers[back.name], *self.graph.consumers[quantizer.name]]
        return len(readers) == 2 and not {back.name, quantizer.name} & set(self.graph.output_names)

    def _is_quantized(self, tensor: str) -> bool:
        node = self.graph.nodes[producer_name(tensor)]
        return node.op == "Dequantize" and producer_name(node.data_inputs[0]) in self.spans

    def _quantizer(self, tensor: str) -> Node:
        return self.graph.nodes[producer_name(self.graph.nodes[producer_name(tensor)].data_inputs[0])]

    def _operand(self, tensor: str) -> Operand:
        """The codes behind a Dequantize."""
        if not self._is_quantized(tensor):
            raise NotLoweredError(f"it reads {tensor!r}, which is not quantized with a frozen range")
        name = self._quantizer(tensor).name
        return Operand(self._codes(name), self.spans[name])

    def _codes(self, name: str) -> Codes:
        span = self.spans[name]
        return Codes(name, self._scalar(f"{name}_low", span.low), self._scalar(f"{name}_high", span.high), span.dtype)

    def _scalar(self, name: str, value: float) -> str:
        """A float32 scalar Const; all zeros are one."""
        name = "eightbit_zero" if value == 0.0 else name
        made = const_node(name, np.float32(value))
        if self.graph.nodes.get(name) == made:
            return name
        made = replace(made, name=fresh_name(name, self.graph.nodes))
        self.consts.setdefault(made.name, made)
        return made.name

    def _rebuilt(self) -> Graph:
        nodes: list[Node] = []
        for name, node in self.graph.nodes.items():
            if name in self.new:
                nodes += [_unmergeable(made) for made in _apart(name, self.new[name], self.graph.nodes)]
            elif node.op == "Dequantize" and producer_name(node.data_inputs[0]) in self.new:
                nodes.append(self._dequantize(node))
            else:
                nodes.append(self._entry(node) if name in self.spans else node)
        outputs = self.graph.outputs or tuple(n for n, users in self.graph.consumers.items() if not users)
        whole = self.graph.with_nodes([*self.consts.values(), *nodes])
        lean = replace(whole, outputs=outputs).without_dead_nodes()
        return replace(lean, nodes={n.name: n for n in execution_order(lean)}, outputs=self.graph.outputs)

    def _entry(self, node: Node) -> Node:
        """A QuantizeV2 that stays; where its range is next to nothing, with the wider one that its readers are told."""
        ends = [constant_scalar(self.graph, t) or 0.0 for t in node.data_inputs[1:3]]
        if self.spans[node.name].shift != 0.0 or max(map(abs, ends)) >= MIN_MAGNITUDE:
            return node
        codes = self._codes(node.name)
        return replace(node, inputs=(node.inputs[0], codes.low, codes.high, *node.control_inputs))

    def _dequantize(self, node: Node) -> Node:
        """A Dequantize of a kernel's codes, its range given by constants."""
        name = producer_name(node.data_inputs[0])
        span = self.spans[name]
        if span.shift == 0.0:
            codes = self._codes(name)
            return dequantize(node.name, name, codes.low, codes.high, dtype=span.dtype)
        low, high = (
            self._scalar(f"{name}_true_low", -span.shift),
            self._scalar(f"{name}_true_high", span.high - span.shift),
        )
        return dequantize(node.name, name, low, high, dtype=span.dtype, mode="MIN_FIRST")
