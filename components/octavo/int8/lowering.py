"""Lower a QDQ graph with frozen ranges to TensorFlow's INT8 kernels.

A QDQ graph is float arithmetic between QuantizeV2/Dequantize pairs. Each QuantizeV2 of eight bits is looked at in
execution order. What computes its float input decides what it becomes, each rule in a file of `rules`:

    conv     conv chain over Dequantize             one kernel with bias, sum, Relu and requantization inside;
                                                    an image's conv may read pairs of columns
    matmul   matmul chain over Dequantize           one kernel with bias, activation and requantization inside
    concat   ConcatV2 over Dequantize               QuantizedConcatV2
    average  Mean, AvgPool of whole images          a depthwise conv with a filter of ones
    pool     MaxPool, AvgPool over Dequantize       QuantizedMaxPool, QuantizedAvgPool
    pads     Pad of channels only                   a conv with an identity filter
             Pad of rows and columns                a Pad of the codes, as 32-bit integers of four
             other Pads                             the same op on the codes
    moving   Reshape, Squeeze, StridedSlice         the same op on the codes
             Transpose, ResizeNearestNeighbor,      the same op on the codes, as plain integers between two
             DepthToSpace, SpaceToDepth             Bitcasts
    none     anything else                          it stays: this is where float data enter

A matmul chain that float ops read becomes a kernel that writes float32, a mean one with a Dequantize behind it.
Whatever does not fit stays as it is, which is float arithmetic and always right.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from octavo.graph.graph import Graph, Node, rewire
from octavo.graph.miss import Miss
from octavo.graph.names import fresh_name, producer_name
from octavo.graph.op_defs import with_default_attrs
from octavo.graph.rewrite import Outcome
from octavo.graph.sort import execution_order
from octavo.int8.chain import ANCHORS
from octavo.int8.corrections import without_unfrozen_corrections
from octavo.int8.encoding import MIN_MAGNITUDE
from octavo.int8.node_names import is_added, true_range
from octavo.int8.ops import dequantize
from octavo.int8.rules import average, concat, conv, matmul, moving, pads, pool
from octavo.int8.rules.rule import Rule
from octavo.int8.site import Site
from octavo.int8.spans import constant_scalar
from octavo.recipe import Target

RULES: tuple[Rule, ...] = (
    *conv.RULES,
    *matmul.RULES,
    *concat.RULES,
    *average.RULES,
    *pool.RULES,
    *pads.RULES,
    *moving.RULES,
)
"""What is tried at an op, in order, until one rule applies."""

_READ = ANCHORS | pool.POOLS | {"QuantizeV2", "Dequantize"}


def lower(graph: Graph, *, target: Target = "fused") -> Outcome:
    """Lower every pair whose range is frozen.

    Args:
        graph: a QDQ graph.
        target: the op set: "fused" or "public".

    Returns:
        The lowered graph. Its `applied` and `missed` are by the names of the QuantizeV2 nodes; by those of the matmuls
        and means themselves where float ops read these.

    Raises:
        GraphError: when a frozen range is NaN, infinite or upside down.
    """
    graph = drop_observers(without_unfrozen_corrections(graph))
    return _Lowerer(Site(replace(graph, nodes={n.name: _explicit(n) for n in graph.nodes.values()}), target)).run()


def drop_observers(graph: Graph) -> Graph:
    """The graph without the range measurements that nothing reads any more."""
    if graph.outputs:
        return graph.without_dead_nodes()
    readers = {name: len(users) for name, users in graph.consumers.items()}
    dead = [name for name, count in readers.items() if count == 0 and is_added(name)]
    gone = set()
    while dead:
        name = dead.pop()
        gone.add(name)
        for source in {producer_name(t) for t in graph.nodes[name].inputs}:
            readers[source] -= 1
            if readers[source] == 0 and is_added(source):
                dead.append(source)
    return replace(graph, nodes={name: node for name, node in graph.nodes.items() if name not in gone})


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
    return node if node.op == "Const" else node.with_attrs(_octavo_name=node.name)


def _not_frozen(node: Node) -> Miss:
    way_out = "calibrate, and freeze the range with freeze_requantization_ranges"
    return Miss(f"the range of {node.name!r} is not frozen", at=node.name, way_out=way_out)


class _Lowerer:
    def __init__(self, site: Site) -> None:
        self.site = site
        self.graph = site.graph
        self.new: dict[str, list[Node]] = {}  # node name -> what stands in its place
        self.applied: dict[str, list[str]] = {}
        self.missed: dict[str, list[tuple[str, Miss]]] = {}

    def run(self) -> Outcome:
        for node in self.site.quantizers:
            if node.name in self.site.spans:
                source = self.graph.nodes[producer_name(node.data_inputs[0])]
                self._attempt(node.name, source, node.name, floats=False)
            else:
                self.missed[node.name] = [("frozen_range", _not_frozen(node))]
        for source in self._float_ends():
            chain = self.site.chains.get(source.name)
            self._attempt(source.name, source, chain.anchor.name if chain else source.name, floats=True)
        return Outcome(self._rebuilt(), self.applied, self.missed)

    def _attempt(self, name: str, source: Node, told: str, *, floats: bool) -> None:
        """Try the rules for an op; what becomes of it is filed under the name `told`."""
        missed = []
        for each in RULES:
            if each.floats != floats or not each.takes(self.site, source):
                continue
            try:
                lowered = each.rewrite(self.site, name, source)
            except Miss as miss:
                missed.append((each.name, miss))
                continue
            self.new[name] = list(lowered.nodes)
            self.applied[told] = [each.name]
            if lowered.span is not None:
                self.site.spans[name] = lowered.span
            return
        if missed:
            self.missed[told] = missed

    def _float_ends(self) -> Iterable[Node]:
        """The ops that no QuantizeV2 which became a kernel stands behind, the roots of chains first."""
        for name in dict.fromkeys((*self.site.chains, *(node.name for node in self.site.order))):
            if not any(user.op == "QuantizeV2" and user.name in self.new for user in self.graph.consumers[name]):
                yield self.graph.nodes[name]

    def _rebuilt(self) -> Graph:
        nodes: list[Node] = []
        for name, node in self.graph.nodes.items():
            if name in self.new:
                nodes += [_unmergeable(made) for made in _apart(name, self.new[name], self.graph.nodes)]
            elif node.op == "Dequantize" and producer_name(node.data_inputs[0]) in self.new:
                nodes.append(self._dequantize(node))
            else:
                nodes.append(self._entry(node) if name in self.site.spans else node)
        outputs = self.graph.outputs or tuple(n for n, users in self.graph.consumers.items() if not users)
        whole = self.graph.with_nodes([*self.site.consts.values(), *nodes])
        lean = replace(whole, outputs=outputs).without_dead_nodes()
        return replace(lean, nodes={n.name: n for n in execution_order(lean)}, outputs=self.graph.outputs)

    def _entry(self, node: Node) -> Node:
        """A QuantizeV2 that stays; where its range is next to nothing, with the wider one that its readers are told."""
        ends = [constant_scalar(self.graph, t) or 0.0 for t in node.data_inputs[1:3]]
        if self.site.spans[node.name].shift != 0.0 or max(map(abs, ends)) >= MIN_MAGNITUDE:
            return node
        codes = self.site.output(node.name, self.site.spans[node.name]).codes
        return replace(node, inputs=(node.inputs[0], codes.low, codes.high, *node.control_inputs))

    def _dequantize(self, node: Node) -> Node:
        """A Dequantize of a kernel's codes, its range given by constants."""
        name = producer_name(node.data_inputs[0])
        span = self.site.spans[name]
        if span.shift == 0.0:
            codes = self.site.output(name, span).codes
            return dequantize(node.name, name, codes.low, codes.high, dtype=span.dtype)
        ends = zip(true_range(name), (-span.shift, span.high - span.shift), strict=True)
        low, high = (self.site.scalar(end, value) for end, value in ends)
        return dequantize(node.name, name, low, high, dtype=span.dtype, mode="MIN_FIRST")
