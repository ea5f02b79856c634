"""The parameters of a graph: its constants and its variables."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from octavo.graph.attrs import DType, TensorShape
from octavo.graph.graph import Graph, Node
from octavo.summarize_graph.flow import VARIABLES
from octavo.summarize_graph.shapes import shape_text, why_invalid


@dataclass(frozen=True)
class Parameter:
    """A constant or a variable. `shape` is None where it is not known; `is_variable` holds for frozen ones too."""

    node: Node
    is_variable: bool

    @cached_property
    def dtype(self) -> str | None:
        """The dtype's name; None where the node declares none."""
        return declared_dtype(self.node)

    @cached_property
    def shape(self) -> tuple[int | None, ...] | None:
        """The shape; None for unknown rank, or where it is not valid."""
        shape = self._declared_shape
        return None if shape is None or why_invalid(shape) else shape.known

    @property
    def shape_text(self) -> str:
        """The shape as TensorFlow prints it; "None" where the node declares none."""
        shape = self._declared_shape
        return "None" if shape is None else shape_text(shape)

    @property
    def elements(self) -> int:
        """The number of elements; 0 where it is not known."""
        if self.shape is None or None in self.shape:
            return 0
        return math.prod(size for size in self.shape if size is not None)

    @property
    def bytes(self) -> int:
        """The bytes of all elements; 0 where they are not known."""
        import tensorflow as tf

        return self.elements * int(tf.dtypes.as_dtype(self.dtype).size) if self.dtype else 0

    @property
    def _declared_shape(self) -> TensorShape | None:
        if self.node.op == "Const":
            return self.node.tensor("value").shape if "value" in self.node.attrs else None
        return self.node.declared_shape("shape") if "shape" in self.node.attrs else None


def find_parameters(graph: Graph, frozen: frozenset[str] = frozenset()) -> Iterator[Parameter]:
    """The constants and variables, in the graph's order.

    Args:
        graph: the graph.
        frozen: the Consts that hold what were variables.
    """
    for node in graph.nodes.values():
        if node.op == "Const" or node.op in VARIABLES:
            yield Parameter(node, is_variable=node.op in VARIABLES or node.name in frozen)


def declared_dtype(node: Node) -> str | None:
    """What a node's attribute `dtype` says; None where there is none."""
    dtype = node.attrs.get("dtype")
    return dtype.base if isinstance(dtype, DType) else None
