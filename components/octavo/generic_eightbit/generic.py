"""Mode `eightbit` without oneDNN's kernels: TensorFlow's generic eight-bit ops.

For each float op `X` of the table, and each tensor `I` that it reads:

    X_eightbit_min_I, _max_I  = Min, Max of it, through X_eightbit_reshape_I
    X_eightbit_quantize_I     = QuantizeV2(it, min, max)
    X_eightbit_quantized_...  = the quantized op, e.g. QuantizedConv2D
    X_eightbit_requant_range  = RequantizationRange of that, where it is qint32
    X_eightbit_requantize     = Requantize to that range
    X                         = Dequantize of that

A Const that such an op reads becomes codes with a Dequantize under its name. Where a Dequantize meets the quantizing of
the next op, the codes are handed on and the pair goes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from octavo.documents.decisions import Decision
from octavo.errors import GraphError
from octavo.generic_eightbit import table
from octavo.generic_eightbit.codes import Range, dequantize, quantize, quantized_const
from octavo.generic_eightbit.plan import Plan, Settings, make_plan
from octavo.generic_eightbit.redundant import strip_redundant_quantization
from octavo.generic_eightbit.training_nodes import remove_training_nodes
from octavo.graph.attrs import DType
from octavo.graph.graph import Graph, Node
from octavo.graph.names import producer_name, safe_name
from octavo.graph.quantized import refuse_quantized, with_made
from octavo.graph.tensors import const_node, const_value

Ends = tuple[str, str]
"""The tensors that hold a range: its low and its high end."""


def quantize_generic(graph: Graph, settings: Settings) -> tuple[Graph, list[Decision]]:
    """Turn a float graph into one of TensorFlow's generic eight-bit ops, with ranges measured as it runs.

    Args:
        graph: a frozen graph, its outputs named.
        settings: what is different from measuring all.

    Raises:
        GraphError: when nothing in it can be quantized.
        RecipeError: when an exclusion matches nothing.
    """
    graph = remove_training_nodes(graph.without_dead_nodes())
    plan = make_plan(graph, settings)
    if not plan.ops and not plan.fakes:
        raise GraphError(_nothing_found(plan.decisions))
    made = _Emitter(graph, plan, settings).run()
    return (strip_redundant_quantization(made) if settings.strip else made), plan.decisions


class _Emitter:
    def __init__(self, graph: Graph, plan: Plan, settings: Settings) -> None:
        self.graph = graph
        self.plan = plan
        self.settings = settings
        self.made: list[Node] = []
        self.codes: dict[str, str] = {}  # float tensor -> the node that quantizes it
        self.with_dims: set[str] = set()  # the ops that have nodes for the shape and the axis of their measuring
        self.renames = {name: f"{name}_dequantize" for name in plan.placeholders}
        self.absorbed = {fake.name for fake in plan.merged.values()}

    def run(self) -> Graph:
        refuse_quantized(self.graph)
        self._shared_range("quantized_input", self.settings.input_range)
        self._shared_range("fallback_quantization", self.settings.fallback_range)
        for node in self.plan.order:
            self._emit(node)
        return with_made(self.graph, self.made).without_dead_nodes()

    def _emit(self, node: Node) -> None:
        name = node.name
        if name in self.absorbed:
            return
        if name in self.plan.constants:
            self.made += quantized_const(node, const_value(node), "MIN_FIRST")
        elif name in self.plan.placeholders:
            self._placeholder(node)
        elif name in self.plan.ops:
            self._op(self._renamed(node))
        elif name in self.plan.fakes:
            self._fake(self._renamed(node))
        else:
            self.made.append(self._renamed(node))

    def _renamed(self, node: Node) -> Node:
        """The node reading floats where it read a placeholder that is now fed as codes."""
        return replace(node, inputs=tuple(self.renames.get(t, t) for t in node.inputs))

    def _placeholder(self, node: Node) -> None:
        ends = "quantized_input_min_value", "quantized_input_max_value"
        self.made.append(node.with_attrs(dtype=DType("quint8")))
        self.made.append(dequantize(self.renames[node.name], (node.name, *ends), device=node.device))

    def _op(self, node: Node) -> None:
        row = table.ROWS[node.op]
        sources = [self._quantized(node, t) for t in table.coded_inputs(node)]
        name = table.node_name(node, row)
        inputs = self._inputs(node, sources)
        dtypes = {key: DType("qint32" if row.wide and key in _OUT else "quint8") for key in row.dtypes}
        attrs = dtypes | {key: node.attrs[key] for key in row.copied if key in node.attrs}
        self.made.append(Node(name, row.op, (*inputs, *node.control_inputs), attrs, node.device))
        result = (name, f"{name}:1", f"{name}:2")
        fake = self.plan.merged.get(node.name)
        if row.wide:
            result = self._requantized(node, result, fake)
        self.made.append(dequantize(fake.name if fake else node.name, result, device=node.device))

    def _inputs(self, node: Node, sources: list[str]) -> list[str]:
        """The quantized op's inputs, in its order; each source has a low end :1 and a high end :2."""
        lows, highs = [f"{s}:1" for s in sources], [f"{s}:2" for s in sources]
        if node.op in {"Concat", "ConcatV2"}:
            return [self._concat_axis(node), *sources, *lows, *highs]
        if node.op == "Reshape":
            return [sources[0], node.data_inputs[1], lows[0], highs[0]]
        if node.op == "BatchNormWithGlobalNormalization":
            return [t for triple in zip(sources, lows, highs, strict=True) for t in triple]
        return [*sources, *(t for pair in zip(lows, highs, strict=True) for t in pair)]

    def _concat_axis(self, node: Node) -> str:
        axis = table.concat_axis(self.graph, node, self.plan.shapes)
        assert axis is not None
        name = f"{node.name}_eightbit_concat_dim"
        self.made.append(const_node(name, np.int32(axis)))
        return name

    def _quantized(self, node: Node, tensor: str) -> str:
        """The node that quantizes a tensor; the first op that reads the tensor gives it its name."""
        if tensor not in self.codes:
            tag = safe_name(tensor)
            ends = self._measured(node, tensor, tag)
            self.codes[tensor] = f"{node.name}_eightbit_quantize_{tag}"
            self.made.append(quantize(self.codes[tensor], (tensor, *ends), device=node.device))
        return self.codes[tensor]

    def _measured(self, node: Node, tensor: str, tag: str) -> Ends:
        """Add the nodes that measure a tensor's least and greatest number."""
        stem = f"{node.name}_eightbit"
        reshape, low, high = (f"{stem}_{part}_{tag}" for part in ("reshape", "min", "max"))
        dims, axis = f"{stem}_reshape_dims", f"{stem}_reduction_dims"
        if node.name not in self.with_dims:
            self.with_dims.add(node.name)
            self.made += [const_node(dims, np.array([-1], np.int32)), const_node(axis, np.array([0], np.int32))]
        kinds = {"T": DType("float32"), "Tidx": DType("int32"), "keep_dims": False}
        to_shape = {"T": DType("float32"), "Tshape": DType("int32")}
        self.made += [
            Node(reshape, "Reshape", (tensor, dims), to_shape, node.device),
            Node(low, "Min", (reshape, axis), kinds, node.device),
            Node(high, "Max", (reshape, axis), kinds, node.device),
        ]
        return low, high

    def _requantized(self, node: Node, wide: tuple[str, str, str], fake: Node | None) -> tuple[str, str, str]:
        """Bring a qint32 tensor back to eight bits."""
        name = f"{node.name}_eightbit_requantize"
        if fake is not None:
            ends = self._fake_ends(fake)
        elif self.settings.fallback_range is not None:
            ends = "fallback_quantization_min_value", "fallback_quantization_max_value"
        else:
            ranged = f"{node.name}_eightbit_requant_range"
            self.made.append(Node(ranged, "RequantizationRange", wide, {"Tinput": DType("qint32")}, node.device))
            ends = ranged, f"{ranged}:1"
        attrs = {"Tinput": DType("qint32"), "out_type": DType("quint8")}
        self.made.append(Node(name, "Requantize", (*wide, *ends), attrs, node.device))
        return name, f"{name}:1", f"{name}:2"

    def _fake(self, node: Node) -> None:
        """A FakeQuant as a QuantizeV2 with its range; of a Const, as codes that need no float Const."""
        source = self.graph.nodes[producer_name(node.data_inputs[0])]
        known = self.plan.ends[node.name].known
        if source.op == "Const" and known is not None:
            self.made += quantized_const(node, const_value(source), "MIN_FIRST", known)
            return
        codes = f"{node.name}_eightbit_quantize"
        self.made.append(quantize(codes, (node.data_inputs[0], *self._fake_ends(node)), device=node.device))
        self.made.append(dequantize(node.name, (codes, f"{codes}:1", f"{codes}:2"), device=node.device))

    def _fake_ends(self, fake: Node) -> Ends:
        found = self.plan.ends[fake.name]
        if found.known is None:
            assert found.tensors is not None
            low, high = (self.renames.get(t, t) for t in found.tensors)
            return low, high
        low, high = f"{fake.name}_eightbit_min", f"{fake.name}_eightbit_max"
        self.made += [const_node(low, np.float32(found.known.low)), const_node(high, np.float32(found.known.high))]
        return low, high

    def _shared_range(self, stem: str, span: Range | None) -> None:
        """The two constants of a range that many nodes share."""
        if span is not None:
            self.made += [
                const_node(f"{stem}_min_value", np.float32(span.low)),
                const_node(f"{stem}_max_value", np.float32(span.high)),
            ]


_OUT = frozenset({"Toutput", "out_type"})


def _nothing_found(decisions: list[Decision]) -> str:
    if not decisions:
        return f"nothing to quantize: the graph has none of {', '.join(sorted(table.ROWS))} on float32"
    first = decisions[0]
    return (
        f"nothing can be quantized: all {len(decisions)} candidates stay FP32, "
        f"the first ({first.name!r}) since {first.reason}"
    )
