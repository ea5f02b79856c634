"""Decide which ops become INT8 and how each tensor between them is encoded.

1. Anchors: every conv, depthwise conv and matmul that a kernel exists for and the recipe does not exclude.
2. Chains: what each anchor's kernel takes in behind it (bias, summand, activation). Of two convs that meet at one Add,
   the one that runs later takes the Add in, the other one's output is the summand.
3. Carriers: pools, concats, pads and reshapes between INT8 ops, which stay INT8; and means over whole images of codes.
4. Encodings: how each tensor at a kernel's border is stored in eight bits.

A sum or a carrier that turns out to have no encoding is given up, and steps 2 to 4 are done again without it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from octavo.documents.decisions import Decision, stays_fp32
from octavo.graph.constants import constant_nodes
from octavo.graph.frames import in_branches, in_frames
from octavo.graph.graph import Graph, Node
from octavo.graph.miss import Miss
from octavo.graph.names import producer_name
from octavo.graph.sort import execution_order
from octavo.int8.chain import ACTIVATIONS, ADDS, ANCHORS, Chain, climb
from octavo.int8.checks import check_anchor, in_loop, no_kernel
from octavo.int8.functions import in_functions
from octavo.int8.rules.average import AVERAGES, average_of
from octavo.int8.rules.pool import POOLS
from octavo.quantize_graph.carriers import ALWAYS, CARRIERS, carried_inputs, carries_floats, check_carrier
from octavo.quantize_graph.encodings import SIGNED, Encoding, encode, tolerates_shift
from octavo.quantize_graph.rules import Rules
from octavo.quantize_graph.signs import non_negative
from octavo.recipe import Recipe
from octavo.runtime.sample_shapes import sample_shapes


@dataclass
class Plan:
    """What becomes INT8.

    Attributes:
        chains: anchor name -> the chain that becomes one kernel, in execution order.
        carriers: name -> the pool, concat, pad or reshape that stays INT8, in execution order.
        averages: name -> the mean over whole images that reads codes, in execution order.
        encodings: float tensor name -> its 8-bit form, for every tensor that is quantized.
        per_channel: the anchors that have a weight scale for each output channel.
        decisions: a verdict for each op that could be INT8, in execution order.
    """

    chains: dict[str, Chain] = field(default_factory=dict)
    carriers: dict[str, Node] = field(default_factory=dict)
    averages: dict[str, Node] = field(default_factory=dict)
    encodings: dict[str, Encoding] = field(default_factory=dict)
    per_channel: frozenset[str] = frozenset()
    decisions: list[Decision] = field(default_factory=list)


def make_plan(graph: Graph, recipe: Recipe) -> Plan:
    """Decide what becomes INT8.

    Raises:
        RecipeError: when a rule of the recipe matches no node.
    """
    return _Planner(graph, recipe).run()


class _Planner:
    def __init__(self, graph: Graph, recipe: Recipe) -> None:
        self.graph = graph
        self.recipe = recipe
        self.order = execution_order(graph)
        self.position = {node.name: i for i, node in enumerate(self.order)}
        self.positive = non_negative(self.order)
        self.in_loops = in_frames(self.order)
        self.in_branches = in_branches(self.order, self.in_loops)
        self.constant = constant_nodes(self.order)
        shaped = {n.data_inputs[0] for n in self.order if n.op in ANCHORS}
        shaped |= {t for n in self.order if n.op in ADDS for t in n.data_inputs}
        shaped |= {n.data_inputs[0] for n in self.order if n.op in AVERAGES}
        self.shapes = sample_shapes(graph, shaped)
        self.rules = Rules(recipe, graph, self.order)
        self.refused: dict[str, Miss] = {}
        self.without_sum: dict[str, Miss] = {}  # anchor -> why its kernel takes in no sum
        self.given_up: dict[str, Miss] = {}
        self.taken: set[str] = set()  # the nodes of all chains

    def run(self) -> Plan:
        anchors = [n for n in self.order if n.op in ANCHORS and not self._refuses(n)]
        while True:
            plan = self._attempt(anchors)
            if not self._gave_something_up(plan):
                break
        self.taken = {part.name for chain in plan.chains.values() for part in chain.nodes}
        plan.per_channel = frozenset(n.name for n in anchors if self.rules.per_channel(n))
        means = plan.averages.keys() | self.given_up.keys()
        candidates = [n for n in self.order if n.op in ANCHORS or carries_floats(n) or n.name in means]
        plan.decisions = [self._decision(n, plan) for n in candidates]
        plan.decisions = [d for d in plan.decisions if d.verdict == "INT8" or d.op in _LISTED]
        plan.decisions += in_functions(self.graph)
        return plan

    def _refuses(self, node: Node) -> bool:
        """Whether an anchor stays FP32 whatever is around it; the reason is kept."""
        try:
            self._check(node)
        except Miss as miss:
            self.refused[node.name] = miss
        return node.name in self.refused

    def _check(self, node: Node) -> None:
        self.rules.check(node)
        self._check_place(node)
        data = node.data_inputs[0]
        check_anchor(self.graph, node, self.shapes[data])
        source = producer_name(data)
        if source not in self.positive and not self.rules.signed_inputs(node):
            reason = f"its input {source!r} may be negative and the recipe says signed_inputs: false"
            way_out = "set signed_inputs: true in the recipe, or in an override for this node"
            raise Miss(reason, at=node.name, kind="excluded", way_out=way_out)

    def _check_place(self, node: Node) -> None:
        """Confirm that an anchor can be INT8 where it stands in the graph."""
        if node.name in self.in_loops:
            raise in_loop(node, "no kernel")
        if node.name in self.in_branches:
            way_out = "export the model for inference, with the condition a constant, and fold constants"
            raise no_kernel(node, "it is in a branch of a conditional, which need not run", way_out)
        if producer_name(node.data_inputs[0]) in self.constant:
            way_out = "fold constants: transform_graph --transforms=fold_constants"
            raise no_kernel(node, "its input is constant; fold constants before quantizing", way_out)

    def _attempt(self, anchors: list[Node]) -> Plan:
        plan = Plan(chains=self._claim(anchors))
        wanted = self._carry(plan)
        bases = {c.root.name for c in plan.chains.values() if c.anchor.op != "MatMul" or c.root.name in wanted}
        bases |= {t for t in wanted if producer_name(t) not in plan.carriers}
        by_root = {c.root.name: c for c in plan.chains.values()}
        for tensor in sorted(bases, key=lambda t: (self.position[producer_name(t)], t)):
            shiftable = tensor in by_root and tolerates_shift(self.graph, tensor, by_root[tensor], plan)
            plan.encodings[tensor] = encode(producer_name(tensor) in self.positive, shiftable=shiftable)
        for name, node in plan.carriers.items():
            plan.encodings[name] = plan.encodings[carried_inputs(node)[0]]
        return plan

    def _claim(self, anchors: list[Node]) -> dict[str, Chain]:
        """The chain of each anchor; an Add that two anchors reach goes to the later one."""
        chains = {n.name: climb(self.graph, n, sums=n.name not in self.without_sum) for n in anchors}
        owner = {c.root.name: c.anchor.name for c in chains.values()}  # the later anchor overwrites
        for name, chain in chains.items():
            if owner[chain.root.name] != name:
                chains[name] = climb(self.graph, chain.anchor, sums=False)
        return chains

    def _carry(self, plan: Plan) -> set[str]:
        """Find the carriers; return every tensor that an INT8 op reads."""
        available = {c.root.name for c in plan.chains.values()}
        able: set[str] = set()
        for node in self.order:
            if node.op in CARRIERS and self._can_carry(node) and all(t in available for t in carried_inputs(node)):
                available.add(node.name)
                able.add(node.name)
        wanted = set()
        carriers, averages = [], []
        by_root = {chain.root.name: chain for chain in plan.chains.values()}
        for node in reversed(self.order):
            if node.name in by_root:  # behind all that the chain reads, its summand included
                chain = by_root[node.name]
                wanted |= {t for t in (chain.anchor.data_inputs[0], chain.summand) if t is not None}
            elif node.name in able and (node.name in wanted or node.op in ALWAYS):
                carriers.append(node)
                wanted.update(carried_inputs(node))
            elif node.op in AVERAGES and node.data_inputs[0] in available and self._can_average(node):
                averages.append(node)
                wanted.add(node.data_inputs[0])
        plan.carriers = {node.name: node for node in reversed(carriers)}
        plan.averages = {node.name: node for node in reversed(averages)}
        return wanted

    def _can_average(self, node: Node) -> bool:
        """Whether a mean is one of whole images of codes that are never negative, as the kernel sums them."""
        source = node.data_inputs[0]
        positive = producer_name(source) in self.positive
        if not positive or average_of(self.graph, node, self.shapes[source]) is None:
            return False
        try:
            self.rules.check(node)
        except Miss as miss:
            self.given_up[node.name] = miss
            return False
        return True

    def _can_carry(self, node: Node) -> bool:
        if node.name in self.given_up:
            return False
        try:
            self.rules.check(node)
            check_carrier(self.graph, node)
        except Miss as miss:
            self.given_up[node.name] = miss
            return False
        return True

    def _gave_something_up(self, plan: Plan) -> bool:
        """Give up sums and concats that have no encoding; True when there was one."""
        before = (len(self.without_sum), len(self.given_up))
        for name, chain in plan.chains.items():
            try:
                self._check_sum(chain, plan)
            except Miss as miss:
                self.without_sum[name] = miss
        for name, node in plan.carriers.items():
            encodings = {plan.encodings[t] for t in carried_inputs(node)}
            if len(encodings) > 1:
                reason = "its inputs are partly signed, partly not; an INT8 concat needs one kind"
                way_out = "put a Relu behind every part that is joined, or leave one behind none"
                self.given_up[name] = Miss(reason, at=name, way_out=way_out)
        return before != (len(self.without_sum), len(self.given_up))

    def _check_sum(self, chain: Chain, plan: Plan) -> None:
        """Confirm that a kernel can take its sum in: it writes over the summand, which must have the output's shape.

        The kernels add quint8 summands only, and only before a Relu (which a shifted output makes harmless).
        """
        if chain.total is None or chain.summand is None:
            return
        if producer_name(chain.summand) in self.constant:
            raise Miss("the summand is constant", at=chain.total.name)
        first, second = (self.shapes[t] for t in chain.total.data_inputs)
        if first is None or first != second:
            raise Miss("the kernels add summands of the output's shape only", at=chain.total.name)
        unsigned = plan.encodings[chain.summand] != SIGNED
        if not unsigned or (chain.activation is None and plan.encodings[chain.root.name] == SIGNED):
            raise Miss("the kernels add unsigned summands only, and only before a Relu", at=chain.total.name)

    def _decision(self, node: Node, plan: Plan) -> Decision:
        if node.name in plan.chains:
            return self._taken(node, plan)
        if node.name in plan.carriers or node.name in plan.averages:
            return Decision(node.name, node.op, "INT8", rule=node.op)
        known = self.refused.get(node.name) or self.given_up.get(node.name)
        return stays_fp32(node, known or self._uncarried(node, plan))

    def _uncarried(self, node: Node, plan: Plan) -> Miss:
        """Why an op that could carry codes does not: no codes come in, or nobody wants them behind it."""
        if node.name in self.in_loops:
            return in_loop(node, "missed")
        if all(t in plan.encodings for t in carried_inputs(node)):
            reason = "no INT8 op reads its output, which is more exact when it is computed in float"
            return Miss(reason, at=node.name)
        way_out = "it follows the ops in front of it: see why those stayed FP32"
        return Miss("what it reads is not INT8", at=node.name, way_out=way_out)

    def _taken(self, node: Node, plan: Plan) -> Decision:
        """The verdict on an anchor that is INT8: what its kernel takes in, and what it had to leave."""
        chain = plan.chains[node.name]
        left = [u for u in self.graph.consumers[chain.root.name] if u.op in _FUSABLE and u.name not in self.taken]
        told = [chain.stopped, *(miss.reason for miss in [self.without_sum.get(node.name)] if miss)]
        stopped = "; ".join(filter(None, told)) if left else None
        note = _MATMUL_BIAS if self.recipe.bias == "qint32" and node.op == "MatMul" else None
        rule = " + ".join(chain.ops)
        return Decision(node.name, node.op, "INT8", rule=rule, stopped=stopped, note=note)


_FUSABLE = ADDS | frozenset[str]().union(*ACTIVATIONS.values()) | {"BiasAdd", "Gelu", "Selu", "Softplus", "Mul"}
"""Ops behind an anchor that a kernel may take in, or that are part of an activation: worth a word when it did not."""

_MATMUL_BIAS = "its bias stays float32: TensorFlow's matmul kernel computes wrong results with a qint32 one"

_LISTED = ANCHORS | POOLS | AVERAGES | {"ConcatV2"}
"""Ops that are listed when they stay FP32."""
