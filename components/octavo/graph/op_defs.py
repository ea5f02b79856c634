"""Op types: those with a part in control flow, and what TensorFlow's definitions say of the others."""

from __future__ import annotations

from typing import Any

from octavo.errors import GraphError
from octavo.graph.attrs import numbered_dtype
from octavo.graph.graph import Graph, Node
from octavo.graph.names import output_index
from octavo.graph.registry import default_attrs, op_def

SWITCHES = frozenset({"Switch", "RefSwitch", "_SwitchN"})
MERGES = frozenset({"Merge", "RefMerge", "_XlaMerge"})
NEXT_ITERATIONS = frozenset({"NextIteration", "RefNextIteration"})
CONTROL_FLOW = SWITCHES | MERGES | NEXT_ITERATIONS | {"Enter", "RefEnter", "Exit", "RefExit", "LoopCond"}
"""The ops that loops and conditionals are made of: TensorFlow looks for them behind each other."""


def is_quantized(op: str) -> bool:
    """Whether an op type computes on quantized tensors; a wrong attribute of such an op can abort the process."""
    return "quant" in op.lower() and not op.startswith("FakeQuant")


def with_default_attrs(node: Node) -> Node:
    """The node with every attribute that its definition has a default for and it leaves out."""
    defaults = default_attrs(node.op)
    return node if defaults.keys() <= node.attrs.keys() else node.with_attrs(**{**defaults, **node.attrs})


def output_dtypes(node: Node) -> tuple[str, ...]:
    """The dtypes of a node's outputs, in order: ("float32",).

    Raises:
        GraphError: when TensorFlow does not know the op, or the node lacks an attribute that says a dtype.
    """
    definition = op_def(node.op)
    if definition is None:
        raise GraphError(f"TensorFlow has no op {node.op!r}, the type of {node.name!r}: its outputs are unknown")
    return tuple(dtype for output in definition.output_arg for dtype in _dtypes_of(node, output))


def tensor_dtype(graph: Graph, tensor: str) -> str:
    """The dtype of a tensor of a graph, e.g. "float32". Raises GraphError as `output_dtypes` does."""
    return output_dtypes(graph.producer(tensor))[output_index(tensor)]


def _dtypes_of(node: Node, output: Any) -> tuple[str, ...]:
    """The dtypes of one declared output, which may stand for several."""
    if output.type_list_attr:
        return node.dtypes(output.type_list_attr)
    count = node.integer(output.number_attr) if output.number_attr else 1
    declared = numbered_dtype(output.type)
    dtype = declared.base if declared else node.dtype(output.type_attr)
    return (dtype,) * count
