"""Dynamic-range graphs as Intel's quantize_graph wrote them, each beside the float graph that it stands for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from octavo.graph import Graph, Node, const_node
from octavo.graph.attrs import DType, TensorShape
from octavo.graph.tensors import Array

FLOAT = {"T": DType("float32")}
UNIT = (1, 1, 1, 1)


@dataclass
class IntelGraph:
    """Both graphs while they are built: the float ops keep their names, Intel's are derived from them."""

    per_channel: bool = False
    legacy: bool = True
    nodes: dict[str, Node] = field(default_factory=dict)
    twin: dict[str, Node] = field(default_factory=dict)
    codes: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Float tensor -> the codes that stand for it, and their dtype."""

    def placeholder(self, name: str, shape: tuple[int | None, ...]) -> str:
        """A float input, in both graphs."""
        attrs = {"dtype": DType("float32"), "shape": TensorShape(tuple(shape))}
        return self._both(Node(name, "Placeholder", (), attrs))

    def op(self, name: str, op: str, *inputs: str, **attrs: object) -> str:
        """A float op, in both graphs."""
        return self._both(Node(name, op, inputs, {**FLOAT, **attrs}))

    def const(self, name: str, value: npt.ArrayLike) -> str:
        """A Const, in both graphs."""
        return self._both(const_node(name, value))

    def quantize(self, x: str, reader: str, *, mode: str = "SCALED") -> None:
        """QuantizeV2 with a range that is measured as the graph runs."""
        prefix = f"{reader}_eightbit"
        self._add(const_node(f"{prefix}_reshape_dims", np.array([-1], np.int32)), (f"^{x}",))
        self._add(const_node(f"{prefix}_reduction_dims", np.array([0], np.int32)), (f"^{x}",))
        shape = {**FLOAT, "Tshape": DType("int32")}
        reduce = {**FLOAT, "Tidx": DType("int32"), "keep_dims": False}
        self._add(Node(f"{prefix}_reshape_{x}", "Reshape", (x, f"{prefix}_reshape_dims"), shape))
        for end in ("min", "max"):
            inputs = (f"{prefix}_reshape_{x}", f"{prefix}_reduction_dims")
            self._add(Node(f"{prefix}_{end}_{x}", end.title(), inputs, reduce))
        attrs = {"T": DType("quint8"), "mode": mode}
        attrs["round_mode"] = "HALF_TO_EVEN" if mode == "SCALED" else "HALF_AWAY_FROM_ZERO"
        ends = (f"{prefix}_min_{x}", f"{prefix}_max_{x}")
        self._add(Node(f"{prefix}_quantize_{x}", "QuantizeV2", (x, *ends), attrs))
        self.codes[x] = (f"{prefix}_quantize_{x}", "quint8")

    def conv(
        self,
        name: str,
        x: str,
        weights: Array,
        *,
        bias: Array | None = None,
        summand: str = "",
        relu: str = "",
        padding: str = "SAME",
        depthwise: bool = False,
        op: str = "",
    ) -> str:
        """conv -> [BiasAdd] -> [Add] -> [Relu], and its 32-bit kernel with the Requantize and Dequantize behind."""
        last = self._float_conv(name, x, weights, bias, summand, relu, padding, depthwise)
        if x not in self.codes:
            self.quantize(x, name)
        codes, dtype = self.codes[x]
        self._weights(name, weights, depthwise=depthwise)
        kind = "QuantizedDepthwiseConv2D" if depthwise else "QuantizedConv2D"
        kind += "WithBias" if bias is not None else ""
        kind += ("Sum" if summand else "") + ("AndRelu" if relu else "")
        inputs = [codes, f"{name}/w_qint8_const", *([f"{name}/b"] if bias is not None else [])]
        inputs += [f"{codes}:1", f"{codes}:2", f"{name}/w_min", f"{name}/w_max", *([summand] if summand else [])]
        attrs: dict[str, Any] = {"Tinput": DType(dtype), "Tfilter": DType("qint8"), "out_type": DType("qint32")}
        attrs |= {"strides": UNIT, "dilations": UNIT, "padding": padding}
        kernel = f"{name}_eightbit_quantized_{'depthwise_' if depthwise else ''}conv"
        self._add(Node(kernel, op or kind, tuple(inputs), attrs))
        self._requantized(name, kernel, last, relu, per_channel=self.per_channel or depthwise)
        return last

    def matmul(self, name: str, x: str, weights: Array, bias: Array, *, relu: bool, mode: str = "MIN_FIRST") -> str:
        """MatMul -> BiasAdd -> [Relu], as 32-bit kernel; `mode` is that of the input's codes."""
        self._twin(const_node(f"{name}/w", weights))
        self._both(const_node(f"{name}/b", bias))
        self._twin(Node(name, "MatMul", (x, f"{name}/w"), FLOAT))
        last = self._twin(Node(f"{name}/biased", "BiasAdd", (name, f"{name}/b"), FLOAT))
        last = self._twin(Node(f"{name}/relu", "Relu", (last,), FLOAT)) if relu else last
        if x not in self.codes:
            self.quantize(x, name, mode=mode)
        codes = self.codes[x][0]
        self._weights(name, weights, depthwise=False, per_channel=False)
        attrs: dict[str, Any] = {"T1": DType("quint8"), "T2": DType("qint8"), "Toutput": DType("qint32")}
        attrs |= {"input_quant_mode": mode}
        attrs |= {} if relu else {"Tbias": DType("float32")}
        kernel = f"{name}_eightbit_quantized_mat_mul"
        inputs = (codes, f"{name}/w_qint8_const", f"{name}/b", f"{codes}:1", f"{codes}:2", f"{name}/w_min")
        kind = "QuantizedMatMulWithBias" + ("AndRelu" if relu else "")
        self._add(Node(kernel, kind, (*inputs, f"{name}/w_max"), attrs))
        self._requantized(name, kernel, last, "Relu" if relu else "", per_channel=False)
        return last

    def pool(self, name: str, x: str) -> str:
        """A 2x2 MaxPool of stride 1."""
        window = {"ksize": (1, 2, 2, 1), "strides": UNIT, "padding": "SAME"}
        self._twin(Node(name, "MaxPool", (x,), {**FLOAT, **window}))
        codes, dtype = self.codes[x]
        made = Node(f"{name}_eightbit_quantized", "QuantizedMaxPool", (codes, f"{codes}:1", f"{codes}:2"), window)
        self._add(made.with_attrs(T=DType(dtype)))
        return self._dequantized(name, made.name, dtype, "SCALED")

    def concat(self, name: str, *parts: str) -> str:
        """A concat of the channels."""
        self._both(const_node(f"{name}/axis", np.int32(3)))
        counts = {"N": len(parts), "Tidx": DType("int32")}
        self._twin(Node(name, "ConcatV2", (*parts, f"{name}/axis"), {**FLOAT, **counts}))
        codes = [self.codes[part][0] for part in parts]
        inputs = (*codes, f"{name}/axis", *(f"{c}:1" for c in codes), *(f"{c}:2" for c in codes))
        made = Node(f"{name}_eightbit_quantized_concatv2", "QuantizedConcatV2", inputs, counts)
        self._add(made.with_attrs(T=DType("quint8")))
        return self._dequantized(name, made.name, "quint8", "SCALED")

    def graphs(self, *outputs: str) -> tuple[Graph, Graph]:
        """The float graph and Intel's, whose dead nodes are gone."""
        inputs = [name for name, node in self.nodes.items() if node.op == "Placeholder"]
        made = (Graph({}).with_nodes(nodes.values()) for nodes in (self.twin, self.nodes))
        first, second = (graph.with_ends(inputs, outputs).without_dead_nodes() for graph in made)
        return first, second

    def _float_conv(
        self,
        name: str,
        x: str,
        weights: Array,
        bias: Array | None,
        summand: str,
        relu: str,
        padding: str,
        depthwise: bool,
    ) -> str:
        window = {"strides": UNIT, "padding": padding}
        self._twin(const_node(f"{name}/w", weights))
        op = "DepthwiseConv2dNative" if depthwise else "Conv2D"
        last = self._twin(Node(name, op, (x, f"{name}/w"), {**FLOAT, **window}))
        if bias is not None:
            self._both(const_node(f"{name}/b", bias))
            last = self._twin(Node(f"{name}/biased", "BiasAdd", (last, f"{name}/b"), FLOAT))
        if summand:
            last = self._twin(Node(f"{name}/sum", "AddV2", (last, summand), FLOAT))
        return self._twin(Node(f"{name}/relu", relu, (last,), FLOAT)) if relu else last

    def _weights(self, name: str, weights: Array, *, depthwise: bool, per_channel: bool | None = None) -> None:
        each = (self.per_channel or depthwise) if per_channel is None else per_channel
        axes = (0, 1) if depthwise else tuple(range(weights.ndim - 1))
        most = np.abs(weights).max(axes, keepdims=True) if each else np.abs(weights).max()
        codes = np.rint(weights * 127 / most).astype(np.int8)
        ends = np.asarray(most, np.float32).reshape(-1) if each else np.float32(most)
        self._add(const_node(f"{name}/w_qint8_const", codes, "qint8"))
        self._add(const_node(f"{name}/w_min", -ends))
        self._add(const_node(f"{name}/w_max", ends))

    def _requantized(self, name: str, kernel: str, last: str, relu: str, *, per_channel: bool) -> None:
        codes = (kernel, f"{kernel}:1", f"{kernel}:2")
        ranges, made = f"{name}_eightbit_requant_range", f"{name}_eightbit_requantize"
        dtype = "quint8" if relu or (self.legacy and not per_channel) else "qint8"
        if per_channel:
            clip = 6.0 if relu == "Relu6" else 1e30
            attrs = {"T": DType("qint32"), "clip_value_max": clip}
            self._add(Node(ranges, "RequantizationRangePerChannel", codes, attrs))
            attrs = {"T": DType("qint32"), "out_type": DType(dtype)}
            self._add(Node(made, "RequantizePerChannel", (*codes, ranges, f"{ranges}:1"), attrs))
        else:
            attrs = {"Tinput": DType("qint32")}
            self._add(Node(ranges, "RequantizationRange", codes, attrs))
            attrs = {**attrs, "out_type": DType(dtype)}
            self._add(Node(made, "Requantize", (*codes, ranges, f"{ranges}:1"), attrs))
        self._dequantized(last, made, dtype, "SCALED" if per_channel else "MIN_FIRST")

    def _dequantized(self, name: str, codes: str, dtype: str, mode: str) -> str:
        attrs = {"T": DType(dtype), "mode": mode}
        self._add(Node(name, "Dequantize", (codes, f"{codes}:1", f"{codes}:2"), attrs))
        self.codes[name] = (codes, dtype)
        return name

    def _add(self, node: Node, controls: tuple[str, ...] = ()) -> str:
        made = Node(node.name, node.op, (*node.inputs, *controls), node.attrs)
        assert node.name not in self.nodes
        self.nodes[node.name] = made
        return node.name

    def _twin(self, node: Node) -> str:
        self.twin[node.name] = node
        return node.name

    def _both(self, node: Node) -> str:
        self._twin(node)
        return self._add(node)
