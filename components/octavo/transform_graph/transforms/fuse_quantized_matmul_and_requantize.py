"""Fuse the Requantize behind one of Intel's 32-bit matmuls into it, once its range is a constant.

Before:
    x = Placeholder() dtype=quint8
    x_low = Const() value=float32<>[0]
    x_high = Const() value=float32<>[2]
    w = Const() value=qint8<2,2>[1, 2, 3, 4]
    w_low = Const() value=float32<>[-1]
    w_high = Const() value=float32<>[1]
    bias = Const() value=float32<2>[1, 2]
    low = Const() value=float32<>[0]
    high = Const() value=float32<>[6]
    m = QuantizedMatMulWithBiasAndRelu(x, w, bias, x_low, x_high, w_low, w_high) T1=quint8 T2=qint8
    q = Requantize(m, m:1, m:2, low, high) Tinput=qint32 out_type=quint8
    y = Dequantize(q, q:1, q:2) T=quint8 mode="SCALED"
After:
    x = Placeholder() dtype=quint8
    x_low = Const() value=float32<>[0]
    x_high = Const() value=float32<>[2]
    w = Const() value=qint8<2,2>[1, 2, 3, 4]
    w_low = Const() value=float32<>[-1]
    w_high = Const() value=float32<>[1]
    bias = Const() value=float32<2>[1, 2]
    q_low = Const() value=float32<>[0]
    q_high = Const() value=float32<>[6]
    q = _QuantizedMatMul(x, w, bias, x_low, x_high, w_low, w_high, q_low, q_high) T1=quint8 T2=qint8 Tbias=float32 \
Tdevice_inputs=[quint8, qint8, float32] Tdevice_outputs=[quint8] \
Thost_inputs=[float32, float32, float32, float32, float32, float32] Thost_outputs=[float32, float32] Tout=quint8 \
U=float32 fused_ops=["BiasAdd", "Relu", "Requantize"] input_quant_mode="MIN_FIRST" is_bias_const=true \
is_weight_const=true leakyrelu_alpha=0.2 output_quant_mode="SCALED" transpose_a=false transpose_b=false
    y = Dequantize(q, q:1, q:2) T=quint8 mode="SCALED"

The original emits QuantizedMatMulWithBiasAndReluAndRequantize, and forgets transpose_b and the mode of the input's
codes. In TensorFlow 2 that op computes garbage from MIN_FIRST codes, which are those of Intel's flow, and aborts with
transpose_b; _QuantizedMatMul is right with both, and so is what is emitted. QuantizedMatMulWithBias, without a Relu, is
fused as well, to qint8. Biases stay float32: with whole numbers that op is wrong.
"""

from __future__ import annotations

import numpy as np

from octavo.graph import Graph, const_node
from octavo.graph.miss import Miss
from octavo.graph.rewrite import Outcome
from octavo.graph.tensors import const_dtype
from octavo.graph.workspace import Edit, Workspace
from octavo.int8.ops import quantized_matmul
from octavo.intel_graphs.int32_kernels import MATMULS
from octavo.intel_graphs.requantized import Requantized, const_tensor, each_requantize, retyped_readers


def fuse_quantized_matmul_and_requantize(graph: Graph) -> Outcome:
    """Fuse the Requantize behind one of Intel's 32-bit matmuls into it, once its range is a constant."""
    return each_requantize(graph, MATMULS, _fused)


def _fused(space: Workspace, found: Requantized) -> Edit:
    kernel, span = found.kernel, found.span
    if kernel.node.flag("transpose_a"):
        raise Miss("transpose_a has no INT8 kernel", at=kernel.node.name)
    const_tensor(space, kernel.weights.tensor, "the matrix of weights")
    assert kernel.bias is not None
    bias = const_tensor(space, kernel.bias, "the bias")
    if const_dtype(bias) != "float32":
        raise Miss(f"its bias is {const_dtype(bias)}, wanted float32", at=bias.name)
    dequantizes = retyped_readers(space, found, span.dtype)
    low = const_node(space.fresh_name(f"{found.name}_low"), np.float32(span.low))
    high = const_node(space.fresh_name(f"{found.name}_high"), np.float32(span.high))
    node = quantized_matmul(
        found.name,
        kernel.data,
        kernel.weights,
        bias.name,
        transpose_b=kernel.node.flag("transpose_b"),
        activation="Relu" if kernel.relu else None,
        leakyrelu_alpha=0.2,
        output=(low.name, high.name, span.dtype),
        controls=found.control_inputs,
    )
    mode = kernel.node.text("input_quant_mode")
    drop = frozenset({found.name, *(each.name for each in dequantizes)})
    return Edit(drop, (low, high, node.with_attrs(input_quant_mode=mode), *dequantizes))
