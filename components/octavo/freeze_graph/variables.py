"""The variables of a graph, and their values in a checkpoint.

A variable's key is, in this order: the one that the graph's restore nodes name (first where a saver was given, after
the variable's own name otherwise), its node name, its shared name, the key of the object that TensorFlow 2 saved
under its name, or the part of a partitioned variable that its name says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from octavo.errors import GraphError
from octavo.freeze_graph.checkpoint import Checkpoint
from octavo.freeze_graph.restore import Source, restored_variables
from octavo.graph.graph import Graph, Node
from octavo.graph.tensors import Array

VARIABLES = frozenset({"Variable", "VariableV2", "VarHandleOp", "AutoReloadVariable"})
PART = re.compile(r"(?P<whole>.+)/part_(?P<number>\d+)$")


def variables_of(graph: Graph, names: Sequence[str]) -> tuple[Node, ...]:
    """The variables that some tensors depend on, in the graph's order."""
    needed = graph.needed_by(names)
    return tuple(node for node in graph.nodes.values() if node.op in VARIABLES and node.name in needed)


@dataclass(frozen=True)
class Restorer:
    """Finds the values of a graph's variables in a checkpoint.

    Args:
        graph: the whole graph, restore nodes and all parts of partitioned variables included.
        checkpoint: where the values are.
        restore_op: the saver's restore op; "" when no saver was given.
    """

    graph: Graph
    checkpoint: Checkpoint
    restore_op: str = ""

    def values(self, variables: Sequence[Node], *, may_miss: bool = False) -> dict[str, Array]:
        """Variable name -> value.

        Args:
            variables: the variables wanted.
            may_miss: leave out variables that are not in the checkpoint.

        Raises:
            GraphError: when a variable is not in the checkpoint, or has another shape or dtype there.
        """
        restored = restored_variables(self.graph, self.restore_op)
        found = [(node, self._source(node, restored)) for node in variables]
        missing = [node.name for node, source in found if source is None]
        if missing and not may_miss:
            raise GraphError(
                f"the checkpoint {self.checkpoint.path!r} lacks {len(missing)} of {len(variables)} variables, "
                f"{missing[0]!r} first; {self.checkpoint.near(missing[0])}"
            )
        return {node.name: self._value(node, source) for node, source in found if source}

    def _source(self, variable: Node, restored: Mapping[str, Source]) -> Source | None:
        sources = self._sources(variable, restored)
        return next((source for source in sources if source.key in self.checkpoint.shapes), None)

    def _value(self, variable: Node, source: Source) -> Array:
        whole = self.checkpoint.read(source.key)
        return _checked(variable, whole if source.part is None else whole[source.part], source.key)

    def _sources(self, variable: Node, restored: Mapping[str, Source]) -> Iterator[Source]:
        """Where a variable's value may be, the surest first."""
        own = Source(variable.name)
        named = restored.get(variable.name)
        yield from [named, own] if named and self.restore_op else [own, *([named] if named else [])]
        shared = variable.text("shared_name", "")
        for name in dict.fromkeys(filter(None, [shared, variable.name])):
            yield Source(name)
            yield Source(self.checkpoint.object_key(name))
        if part := self._part(variable):
            yield part

    def _part(self, variable: Node) -> Source | None:
        """The slice of a partitioned variable that this part of it is, from the shapes of all parts."""
        found = PART.match(variable.name)
        whole = self.checkpoint.shapes.get(found["whole"]) if found else None
        if found is None or whole is None:
            return None
        return _slice_of(whole, self._shapes_of_parts(found["whole"]), int(found["number"]), found["whole"])

    def _shapes_of_parts(self, whole: str) -> list[tuple[int, ...]]:
        shapes: list[tuple[int, ...]] = []
        while (part := self.graph.nodes.get(f"{whole}/part_{len(shapes)}")) is not None:
            shapes.append(_known_shape(part))
        return shapes


def _slice_of(whole: Sequence[int], parts: Sequence[tuple[int, ...]], number: int, key: str) -> Source | None:
    """The slice that one of several parts is; None when the parts do not add up to the whole along one axis."""
    if number >= len(parts) or any(len(part) != len(whole) for part in parts):
        return None
    axes = [axis for axis, size in enumerate(whole) if any(part[axis] != size for part in parts)]
    axis = axes[0] if axes else 0
    if len(axes) > 1 or sum(part[axis] for part in parts) != whole[axis]:
        return None
    start = sum(part[axis] for part in parts[:number])
    slices = [slice(None)] * len(whole)
    slices[axis] = slice(start, start + parts[number][axis])
    return Source(key, tuple(slices))


def _known_shape(variable: Node) -> tuple[int, ...]:
    shape = variable.shape("shape")
    return tuple(size if size is not None else -1 for size in shape or ())


def _checked(variable: Node, value: Array, key: str) -> Array:
    """The value, when it has the shape and the dtype that the variable declares."""
    shape = variable.shape("shape")
    dtype = variable.dtype("dtype")
    fits = shape is None or (
        len(shape) == value.ndim and all(want in {None, got} for want, got in zip(shape, value.shape, strict=True))
    )
    if not fits or _dtype_name(value) != dtype:
        raise GraphError(
            f"the variable {variable.name!r} is {dtype} {_shape_text(shape)}, but the checkpoint's {key!r} is "
            f"{_dtype_name(value)} {_shape_text(value.shape)}: the checkpoint is of another graph"
        )
    return np.ascontiguousarray(value).reshape(value.shape)


def _dtype_name(value: Array) -> str:
    return "string" if value.dtype == object else value.dtype.name


def _shape_text(shape: Sequence[int | None] | None) -> str:
    if shape is None:
        return "of unknown shape"
    return f"[{','.join('?' if size is None else str(size) for size in shape)}]"
