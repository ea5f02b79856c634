"""Whether this machine and this TensorFlow can run INT8 graphs: told in one sentence before work starts.

Three things are needed. The TensorFlow must have CPU kernels for the ops. The processor must have INT8 multiply-add
instructions: without them oneDNN adds pairs of products in 16 bits, which may saturate, so that results are wrong and
not only slow. And the ops under Intel's names, and QuantizedConcatV2, run only where TensorFlow rewrites graphs for
oneDNN (TF_ENABLE_ONEDNN_OPTS); the newer `_Fused...` ops run without.
"""

from __future__ import annotations

import os
from collections.abc import Collection

from octavo.errors import EnvironmentFault
from octavo.graph.graph import Graph, Node
from octavo.recipe import Target
from octavo.runtime import machine
from octavo.tensorflow import import_tensorflow

FUSED_OPS = frozenset({"_FusedQuantizedConv2D", "_FusedQuantizedDepthwiseConv2D", "_QuantizedMatMul"})
PUBLIC_OPS = frozenset(
    {
        "QuantizedConv2DWithBiasAndReluAndRequantize",
        "QuantizedConv2DWithBiasAndRequantize",
        "QuantizedConv2DWithBiasSumAndReluAndRequantize",
        "QuantizedDepthwiseConv2DWithBiasAndReluAndRequantize",
    }
)
SHARED_OPS = frozenset({"QuantizeV2", "Dequantize", "QuantizedMaxPool", "QuantizedAvgPool"})

REWRITTEN = ("QuantizedConv2D", "QuantizedDepthwiseConv2D", "QuantizedConcatV2", "QuantizedMatMulWithBias")
"""How the names begin of the ops whose own kernels do nothing: TensorFlow replaces them by oneDNN's, or fails."""


def check_int8(target: Target) -> None:
    """Say now what would keep this machine from making and running an INT8 graph.

    Args:
        target: the op set that the graph is to use.

    Raises:
        EnvironmentFault: when a kernel is missing, the processor has no INT8 instructions, or oneDNN is off and the
            op set needs it.
    """
    check_processor()
    check_kernels(target)


def check_kernels(target: Target) -> None:
    """Say now what would keep this TensorFlow from loading a graph of an op set. Raises as `check_int8` does."""
    newer = FUSED_OPS | SHARED_OPS
    _demand_kernels(newer if target == "fused" else newer | PUBLIC_OPS)
    if target == "public":
        _demand_onednn("the public target's ops, those under Intel's names,", "set 'target: fused' in the recipe")


def check_graph(graph: Graph) -> None:
    """Check that a graph's INT8 ops, where it has any, compute right here. Raises as `check_int8` does."""
    if _int8_ops(graph):
        check_processor()
        check_kernels_of(graph)


def check_kernels_of(graph: Graph) -> None:
    """Check that a graph's INT8 ops, where it has any, run here, right or wrong.

    Raises:
        EnvironmentFault: when a kernel is missing, or oneDNN is off and an op needs it.
    """
    ops = _int8_ops(graph)
    if not ops:
        return
    _demand_kernels(ops)
    needy = sorted({n.op for n in graph.nodes.values() if n.op.startswith(REWRITTEN) and not _has_own_kernel(n)})
    if needy:
        advice = (
            "use a graph of the fused target" if needy != ["QuantizedConcatV2"] else "exclude ConcatV2 in the recipe"
        )
        _demand_onednn(f"the graph's {needy[0]}", advice)


def check_processor() -> None:
    """Check that the processor multiplies eight-bit numbers without saturating; one that nothing is known of passes.

    Raises:
        EnvironmentFault: when it has none of the instructions that do.
    """
    text = machine.cpu_info()
    if "flags" not in text or machine.int8_instructions(text):
        return
    wanted = ", ".join(machine.INT8_FLAGS.values())
    raise EnvironmentFault(
        f"this processor ({machine.model_name(text)}) has none of {wanted}: its INT8 products may saturate in 16 bits, "
        "so that results would be wrong, not only slow; run on a processor that has one of them"
    )


def _int8_ops(graph: Graph) -> frozenset[str]:
    """The types of a graph's ops that compute on eight-bit numbers."""
    return frozenset(n.op for n in graph.nodes.values() if n.op in FUSED_OPS or n.op.startswith("Quantized"))


def _has_own_kernel(node: Node) -> bool:
    """Whether an op of such a name runs without oneDNN: the generic QuantizedConv2D, whose filters are quint8."""
    return node.op == "QuantizedConv2D" and node.dtype("Tfilter") == "quint8"


def _demand_kernels(ops: Collection[str]) -> None:
    tf = import_tensorflow()
    missing = sorted(op for op in ops if not _has_cpu_kernel(op))
    if missing:
        raise EnvironmentFault(
            f"this TensorFlow ({tf.__version__}) has no CPU kernel for {', '.join(missing)}; "
            "wanted tensorflow-cpu 2.21 for Linux on x86-64"
        )


def _has_cpu_kernel(op: str) -> bool:
    from tensorflow.python.framework import kernels

    return any(kernel.device_type == "CPU" for kernel in kernels.get_registered_kernels_for_op(op).kernel)


def _demand_onednn(who: str, advice: str) -> None:
    if machine.onednn_is_on():
        return
    setting = os.environ.get("TF_ENABLE_ONEDNN_OPTS")
    found = "is not set and the processor does not turn it on" if setting is None else f"is {setting}"
    raise EnvironmentFault(
        f"{who} cannot run: TensorFlow's oneDNN is off (TF_ENABLE_ONEDNN_OPTS {found}); "
        f"set TF_ENABLE_ONEDNN_OPTS=1, or {advice}"
    )
