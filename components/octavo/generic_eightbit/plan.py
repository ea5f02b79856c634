"""Decide what the generic path makes eight-bit.

1. Ops: every op of the table that has no fault and is not excluded, outside the bodies of loops.
2. FakeQuants: each gives its range to the op in front of it, where that op has no other reader; the others become a
   QuantizeV2 and a Dequantize of their own.
3. Constants that those ops read, and placeholders that are fed as codes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from octavo.documents.decisions import Decision, stays_fp32
from octavo.errors import RecipeError
from octavo.generic_eightbit import fake_quant, table
from octavo.generic_eightbit.codes import Range, range_of
from octavo.graph.frames import in_frames
from octavo.graph.graph import Graph, Node
from octavo.graph.miss import Miss
from octavo.graph.names import producer_name
from octavo.graph.sort import execution_order
from octavo.graph.tensors import const_value
from octavo.int8.checks import in_loop, no_kernel
from octavo.int8.functions import in_functions
from octavo.runtime.shapes import Shape, static_shapes

PLACEHOLDERS = frozenset({"Placeholder", "PlaceholderV2"})


@dataclass(frozen=True, slots=True)
class Settings:
    """How the generic path is to work.

    Attributes:
        input_range: the range of placeholders that are fed as codes; None feeds floats.
        fallback_range: the range of every output that is computed in 32 bits; None measures each.
        excluded_ops: op types that stay float.
        excluded_nodes: names of nodes that stay float.
        strip: whether codes that are dequantized and quantized again are handed on instead.
    """

    input_range: Range | None = None
    fallback_range: Range | None = None
    excluded_ops: tuple[str, ...] = ()
    excluded_nodes: tuple[str, ...] = ()
    strip: bool = True


@dataclass
class Plan:
    """What becomes eight-bit.

    Attributes:
        ops: name -> the float op, in execution order.
        merged: name of such an op -> the FakeQuant that gives it its range.
        fakes: name -> FakeQuant that becomes a QuantizeV2 and a Dequantize, in execution order.
        ends: name -> range of each FakeQuant of the two.
        constants: the names of the Consts that are stored as codes.
        placeholders: the names of the placeholders that are fed as codes.
        shapes: those of the tensors that the ops read, as far as they are known.
        decisions: a verdict for each op that could be eight-bit, in execution order.
        order: the graph's nodes in execution order.
    """

    order: Sequence[Node]
    ops: dict[str, Node] = field(default_factory=dict)
    merged: dict[str, Node] = field(default_factory=dict)
    fakes: dict[str, Node] = field(default_factory=dict)
    ends: dict[str, fake_quant.Ends] = field(default_factory=dict)
    constants: set[str] = field(default_factory=set)
    placeholders: set[str] = field(default_factory=set)
    shapes: Mapping[str, Shape] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)


def make_plan(graph: Graph, settings: Settings) -> Plan:
    """Decide what becomes eight-bit.

    Raises:
        RecipeError: when an exclusion matches nothing.
    """
    return _Planner(graph, settings).run()


class _Planner:
    def __init__(self, graph: Graph, settings: Settings) -> None:
        self.graph = graph
        self.settings = settings
        order = execution_order(graph)
        self.in_loops = in_frames(order)
        self.candidates = [n for n in order if _is_candidate(n)]
        floats = [n for n in self.candidates if n.op in table.ROWS]
        shapes = static_shapes(graph, {t for n in floats for t in table.coded_inputs(n)})
        self.plan = Plan(order, shapes=shapes)
        self.known: dict[str, Range] = {}  # float tensor -> the range of its codes, where that is known beforehand

    def run(self) -> Plan:
        self._check_exclusions()
        if self.settings.input_range is not None:
            self._take_placeholders(self.settings.input_range)
        for node in self.candidates:
            take = self._take_fake if node.op in table.FAKE_QUANTS else self._take
            try:
                self._check(node)
            except Miss as miss:
                self._decide(stays_fp32(node, miss))
            else:
                take(node)
        self.plan.decisions += in_functions(self.graph)
        return self.plan

    def _check_exclusions(self) -> None:
        ops = {n.op for n in self.candidates}
        names = {n.name for n in self.candidates}
        wrong = [("excluded_ops", op) for op in self.settings.excluded_ops if op not in ops]
        wrong += [("excluded_nodes", name) for name in self.settings.excluded_nodes if name not in names]
        if wrong:
            flag, text = wrong[0]
            raise RecipeError(f"--{flag}: {text!r} matches none of the {len(names)} ops that could be eight-bit")

    def _check(self, node: Node) -> None:
        """Confirm that a candidate can be eight-bit. Raises Miss."""
        self._check_excluded(node)
        if node.op in table.WITHOUT_KERNEL:
            raise no_kernel(node, *table.WITHOUT_KERNEL[node.op])
        if node.name in self.in_loops:
            raise in_loop(node, "no kernel")
        if node.op in table.FAKE_QUANTS:
            fake_quant.check(self.graph, node)
        else:
            table.check(self.graph, node, self.plan.shapes)

    def _check_excluded(self, node: Node) -> None:
        way_out = "leave it out of the flag"
        if node.op in self.settings.excluded_ops:
            raise Miss(f"--excluded_ops has {node.op!r}", at=node.name, kind="excluded", way_out=way_out)
        if node.name in self.settings.excluded_nodes:
            raise Miss(f"--excluded_nodes has {node.name!r}", at=node.name, kind="excluded", way_out=way_out)

    def _take_placeholders(self, span: Range) -> None:
        """Feed every float32 placeholder as codes, but one that is fetched as well."""
        fed = [n for n in self.plan.order if _is_float_placeholder(n) and n.name not in self.graph.output_names]
        self.plan.placeholders = {n.name for n in fed}
        self.known |= dict.fromkeys(self.plan.placeholders, span)
        for node in fed:
            self._decide(Decision(node.name, node.op, "INT8", rule="fed as codes"))

    def _take(self, node: Node) -> None:
        row = table.ROWS[node.op]
        self.plan.ops[node.name] = node
        sources = table.coded_inputs(node)
        for tensor in sources:
            const = self.graph.nodes[producer_name(tensor)]
            if const.op == "Const":
                self.plan.constants.add(const.name)
                self.known.setdefault(tensor, range_of(const_value(const)))
        if row.wide:
            if self.settings.fallback_range is not None:
                self.known[node.name] = self.settings.fallback_range
        elif len(sources) == 1 and sources[0] in self.known:
            self.known[node.name] = self.known[sources[0]]
        self._decide(Decision(node.name, node.op, "INT8", rule=row.op))

    def _take_fake(self, node: Node) -> None:
        found = fake_quant.ends(self.graph, node)
        self.plan.ends[node.name] = found
        if found.known is not None:
            self.known[node.name] = found.known
        source = producer_name(node.data_inputs[0])
        if self._may_merge(source, node, found.known):
            self.plan.merged[source] = node
            self._decide(Decision(node.name, node.op, "INT8", rule=f"range of {source}"))
            return
        self.plan.fakes[node.name] = node
        self._decide(Decision(node.name, node.op, "INT8", rule="QuantizeV2"))

    def _may_merge(self, source: str, fake: Node, known: Range | None) -> bool:
        """Whether the op in front of a FakeQuant can take its range: it computes in 32 bits, or has the same range."""
        alone = source in self.plan.ops and [n.name for n in self.graph.consumers[source]] == [fake.name]
        if not alone or source in self.graph.output_names or fake.control_inputs:
            return False
        return table.ROWS[self.plan.ops[source].op].wide or (known is not None and self.known.get(source) == known)

    def _decide(self, decision: Decision) -> None:
        self.plan.decisions.append(decision)


def _is_candidate(node: Node) -> bool:
    return table.computes_floats(node) or node.op in table.FAKE_QUANTS or node.op in table.WITHOUT_KERNEL


def _is_float_placeholder(node: Node) -> bool:
    return node.op in PLACEHOLDERS and node.dtype("dtype") == "float32"
