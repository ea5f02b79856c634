"""Write the dynamic-range graph: float arithmetic between QuantizeV2/Dequantize pairs that measure their own ranges.

For a conv `X` whose chain ends in `R`:

    X_eightbit_quantized_conv  = the float op that was R
    X_eightbit_min, _max       = Min, Max of it
    X_eightbit_quantize_range  = QuantizeV2(it, min, max) to qint32, MIN_FIRST
    X_eightbit_requant_range   = RequantizationRange of that: (min(0, smallest), largest)
    X_eightbit_requantize      = QuantizeV2(it, requant_range:0, requant_range:1)
    R                          = Dequantize of that
    eightbit_bias_correction/X = what rounding the weights takes from each channel, added to the bias

TensorFlow's own int32 ops cannot do this per channel: they report one scale for each channel and use the largest for
all.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from octavo.graph.attrs import DType
from octavo.graph.graph import Graph, Node
from octavo.graph.names import producer_name, safe_name
from octavo.graph.quantized import refuse_quantized, with_made
from octavo.graph.tensors import const_node
from octavo.int8.chain import Chain
from octavo.int8.corrections import correction_nodes
from octavo.int8.encoding import MIN_MAGNITUDE
from octavo.int8.node_names import added, correction_of, entry_codes
from octavo.int8.ops import dequantize, quantize_v2, requantization_range
from octavo.int8.rules.average import MARK
from octavo.quantize_graph.carriers import carried_inputs
from octavo.quantize_graph.encodings import SHIFTED, Encoding
from octavo.quantize_graph.plan import Plan
from octavo.quantize_graph.weights import quantized_filters
from octavo.recipe import Recipe

ROOT_NAMES = {
    "Conv2D": "quantized_conv",
    "DepthwiseConv2dNative": "quantized_depthwise_conv",
    "MatMul": "quantized_mat_mul",
    "ConcatV2": "quantized_concatv2",
}


def emit(graph: Graph, plan: Plan, recipe: Recipe) -> Graph:
    """The dynamic-range graph of a plan."""
    return _Emitter(graph, plan, recipe).run()


class _Emitter:
    def __init__(self, graph: Graph, plan: Plan, recipe: Recipe) -> None:
        self.graph = graph
        self.plan = plan
        self.made: list[Node] = []
        self.ranges: dict[str, tuple[str, str]] = {}
        self.filters, weights = quantized_filters(graph, plan.chains, plan.per_channel, recipe.calibration)
        self.made += weights
        self.by_root = {c.root.name: c for c in plan.chains.values() if c.root.name in plan.encodings}
        self.shared = _shared_ranges(graph, plan)
        self.sums = {c.total.name: c for c in plan.chains.values() if c.total is not None}
        self.rewired: dict[str, str] = {}
        self.rebiased: dict[str, tuple[str, str]] = {}  # node -> the input that makes room for the corrected bias
        self.corrects = recipe.bias_correction

    def run(self) -> Graph:
        refuse_quantized(self.graph)
        entries = [t for t in self.plan.encodings if t not in self.by_root and t not in self.plan.carriers]
        for tensor in entries:
            self._quantize_entry(tensor)
        if self.corrects:
            for chain in self.plan.chains.values():
                self._correct(chain)
        for name, node in self.graph.nodes.items():
            if name in self.by_root or name in self.plan.carriers:
                continue
            lone = self.plan.chains.get(name)
            is_root = lone is not None and lone.root is node
            self.made += self._root_nodes(lone, name) if lone and is_root else [self._with_codes(node)]
        for root, chain in self.by_root.items():
            self._quantize_root(root, chain)
        for name, node in self.plan.carriers.items():
            self._quantize_carrier(name, node)
        return with_made(self.graph, self.made).without_dead_nodes()

    def _quantize_entry(self, tensor: str) -> None:
        """Quantize a tensor that a float op makes, for the INT8 ops that read it; float readers keep the tensor."""
        reader = next(c.anchor.name for c in self.plan.chains.values() if tensor in _int8_reads(c))
        tag = safe_name(tensor)
        low_high = self._measure(tensor, reader, f"_{tag}")
        codes = entry_codes(reader, tensor)
        self.rewired[tensor] = added(reader, f"dequantize_{tag}")
        self._pair(tensor, codes, self.rewired[tensor], self.plan.encodings[tensor], low_high)

    def _correct(self, chain: Chain) -> None:
        """Measure a chain's bias correction and add it to its bias; a chain without a bias gets one."""
        anchor = chain.anchor
        data = self.rewired.get(anchor.data_inputs[0], anchor.data_inputs[0])
        self.made += correction_nodes(anchor, data, self.filters[anchor.name].error)
        correction = correction_of(anchor.name)
        if chain.bias_add is not None:
            before = anchor.name
            bias = next(t for t in chain.bias_add.data_inputs if producer_name(t) != before)
            corrected = added(anchor.name, "corrected_bias")
            self.made.append(_float_op(corrected, "AddV2", bias, correction))
            self.rebiased[chain.bias_add.name] = (bias, corrected)
        elif chain.root is not anchor:
            self.made.append(_bias_add(added(anchor.name, "bias_add"), anchor.name, correction))
            for reader in self.graph.consumers[anchor.name]:
                self.rebiased[reader.name] = (anchor.name, added(anchor.name, "bias_add"))

    def _root_nodes(self, chain: Chain, name: str) -> list[Node]:
        """A chain's float root under another name; a lone anchor is followed by its correction."""
        root = self._with_codes(self.graph.nodes[chain.root.name])
        if chain.root is not chain.anchor or not self.corrects:
            return [replace(root, name=name)]
        unbiased = added(chain.anchor.name, "unbiased")
        return [replace(root, name=unbiased), _bias_add(name, unbiased, correction_of(chain.anchor.name))]

    def _quantize_root(self, root: str, chain: Chain) -> None:
        """Quantize a kernel's output; the Dequantize takes its name, so that its readers need no rewiring."""
        anchor = chain.anchor.name
        float_name = added(anchor, ROOT_NAMES[chain.anchor.op])
        self.made += self._root_nodes(chain, float_name)
        measured = self._measure(float_name, anchor, "")
        self.ranges[root] = measured
        low_high = self.shared.get(root, measured)
        self._pair(float_name, added(anchor, "requantize"), root, self.plan.encodings[root], low_high)

    def _quantize_carrier(self, name: str, node: Node) -> None:
        """Pass codes through a pool, concat, pad or reshape: the output has the input's range."""
        float_name = added(name, ROOT_NAMES.get(node.op, "quantized"))
        self.made.append(replace(self._with_codes(node), name=float_name))
        sources = carried_inputs(node)
        if node.op == "ConcatV2":
            self._widest_range(name, [self.ranges[t] for t in sources])
            self.ranges[name] = (added(name, "min"), added(name, "max"))
        else:
            self.ranges[name] = self.shared.get(sources[0], self.ranges[sources[0]])
        low_high = self.shared.get(name, self.ranges[name])
        self._pair(float_name, added(name, "requantize"), name, self.plan.encodings[name], low_high)

    def _widest_range(self, name: str, ranges: list[tuple[str, str]]) -> None:
        for index, (op, end) in enumerate((("Minimum", "min"), ("Maximum", "max"))):
            widest = ranges[0][index]
            for count, other in enumerate(ranges[1:], 2):
                last = count == len(ranges)
                step = added(name, end if last else f"{end}_{count}")
                self.made.append(_float_op(step, op, widest, other[index]))
                widest = step

    def _measure(self, tensor: str, op: str, tag: str) -> tuple[str, str]:
        """Add the nodes that measure a float tensor's range; returns the range's two tensors."""
        reshape, low, high = (added(op, part + tag) for part in ("reshape", "min", "max"))
        dims, axis = added(op, f"reshape_dims{tag}"), added(op, f"reduction_dims{tag}")
        measured, ranged = added(op, f"quantize_range{tag}"), added(op, f"requant_range{tag}")
        reduce = {"T": DType("float32"), "Tidx": DType("int32"), "keep_dims": False}
        self.made += [
            const_node(dims, np.array([-1], np.int32)),
            const_node(axis, np.array([0], np.int32)),
            Node(
                reshape,
                "Reshape",
                (tensor, dims),
                {"T": DType("float32"), "Tshape": DType("int32")},
            ),
            Node(low, "Min", (reshape, axis), reduce),
            Node(high, "Max", (reshape, axis), reduce),
            quantize_v2(measured, tensor, low, high, dtype="qint32", mode="MIN_FIRST"),
            requantization_range(ranged, measured),
        ]
        return ranged, f"{ranged}:1"

    def _pair(self, tensor: str, codes: str, back: str, encoding: Encoding, low_high: tuple[str, str]) -> None:
        """Add QuantizeV2 named `codes` and Dequantize named `back`."""
        ends = low_high if encoding != SHIFTED else self._with_zero_on_the_grid(codes, *low_high)
        self.made.append(quantize_v2(codes, tensor, *ends, dtype=encoding.dtype, mode=encoding.mode))
        if encoding != SHIFTED:
            ends = (f"{codes}:1", f"{codes}:2")
        self.made.append(dequantize(back, codes, *ends, dtype=encoding.dtype, mode=encoding.mode))

    def _with_zero_on_the_grid(self, stem: str, low: str, high: str) -> tuple[str, str]:
        """Move a range by less than half a step so that zero is a code.

        step = (high - low) / 255; low' = round(low / step) * step; high' = low' + (high - low). QuantizeV2's MIN_FIRST
        mode rounds the values and the range's low end apart, which is right only where the low end is a whole step.
        """
        span, wide, step, count = (f"{stem}_{part}" for part in ("span", "wide_span", "step", "low_in_steps"))
        codes, least = f"{stem}_steps", f"{stem}_least_span"
        self.made += [
            const_node(codes, np.float32(255)),
            const_node(least, np.float32(MIN_MAGNITUDE)),
            _float_op(span, "Sub", high, low),
            _float_op(wide, "Maximum", span, least),
            _float_op(step, "RealDiv", wide, codes),
            _float_op(f"{count}_unrounded", "RealDiv", low, step),
            _float_op(count, "Rint", f"{count}_unrounded"),
            _float_op(f"{stem}_grid_low", "Mul", count, step),
            _float_op(f"{stem}_grid_high", "AddV2", f"{stem}_grid_low", wide),
        ]
        return f"{stem}_grid_low", f"{stem}_grid_high"

    def _with_codes(self, node: Node) -> Node:
        """The node as it reads dequantized weights, corrected biases and dequantized entries; a mean with its mark."""
        if node.name in self.plan.averages:
            return node.with_attrs(**{MARK: True})
        if node.name in self.rebiased:
            old, new = self.rebiased[node.name]
            node = replace(node, inputs=tuple(new if t == old else t for t in node.inputs))
        chain = self.plan.chains.get(node.name) or self.sums.get(node.name)
        if chain is None:
            return node
        inputs = [self.rewired.get(t, t) if t in _int8_reads(chain) else t for t in node.inputs]
        if node.name == chain.anchor.name:
            inputs[1] = self.filters[node.name].tensor
        return replace(node, inputs=tuple(inputs))


def _float_op(name: str, op: str, *inputs: str) -> Node:
    return Node(name, op, inputs, {"T": DType("float32")})


def _bias_add(name: str, tensor: str, bias: str) -> Node:
    return Node(name, "BiasAdd", (tensor, bias), {"T": DType("float32"), "data_format": "NHWC"})


def _int8_reads(chain: Chain) -> tuple[str, ...]:
    """The tensors that a chain's kernel reads as codes."""
    data = chain.anchor.data_inputs[0]
    return (data,) if chain.summand is None else (data, chain.summand)


def _shared_ranges(graph: Graph, plan: Plan) -> dict[str, tuple[str, str]]:
    """Concat inputs that only the concat reads share its range, so that joining them is a plain copy."""
    shared: dict[str, tuple[str, str]] = {}
    for name, node in plan.carriers.items():
        parts = carried_inputs(node)
        alone = all(p not in plan.carriers and _only_reader(graph, p) == name for p in parts)
        if node.op == "ConcatV2" and alone:
            shared |= dict.fromkeys(parts, (added(name, "min"), added(name, "max")))
    return shared


def _only_reader(graph: Graph, tensor: str) -> str | None:
    users = graph.consumers[producer_name(tensor)]
    return users[0].name if len(users) == 1 else None
