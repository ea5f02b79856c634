"""The variables of a graph that is not frozen: their values in a checkpoint, and taking idle ones away."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from octavo.errors import GraphError
from octavo.graph import Graph, Node, const_value, output_index, producer_name
from octavo.graph.tensors import Array
from octavo.graph.workspace import Edit, Workspace
from octavo.tensorflow import first_line, import_tensorflow

VARIABLES = frozenset({"Variable", "VariableV2", "VarHandleOp"})
ASSIGNMENTS = frozenset({"Assign", "AssignVariableOp"})

_PART = re.compile(r"/part_\d+$")


def checkpoint_values(graph: Graph, prefix: str) -> Callable[[Node], Array]:
    """A function from a variable of the graph to its value in a checkpoint.

    It raises a GraphError when the checkpoint does not hold the variable.

    Args:
        graph: the graph; its restore ops say under which key, and in which slice, a variable is stored.
        prefix: the checkpoint's prefix.

    Raises:
        GraphError: when the checkpoint cannot be read.
    """
    tf = import_tensorflow()
    try:
        reader = tf.train.load_checkpoint(prefix)
    except (tf.errors.OpError, ValueError, RuntimeError) as fault:
        raise GraphError(f"the checkpoint {prefix!r} cannot be read: {first_line(fault, 200)}") from fault

    def read(variable: Node) -> Array:
        key, part = _stored_as(graph, variable.name)
        if not reader.has_tensor(key):
            raise GraphError(f"the checkpoint {prefix!r} does not hold {key!r}, the variable {variable.name!r}")
        return _slice(np.asarray(reader.get_tensor(key)), part)

    return read


def without_idle_variables(graph: Graph, names: Iterable[str]) -> Graph:
    """The same graph without those variables that are assigned to but never read, and without what only they used."""
    space = Workspace(graph)
    for name in names:
        assigns = space.readers(name) if name in space.nodes and name not in space.output_names else ()
        waiting = [reader for assign in assigns for reader in space.readers(assign.name)]
        if assigns and _only_assigned(name, assigns, space) and all(_only_waits(w, assigns) for w in waiting):
            gone = {f"^{assign.name}" for assign in assigns}
            freed = {w.name: replace(w, inputs=tuple(t for t in w.inputs if t not in gone)) for w in waiting}
            dropped = {name, *freed, *(assign.name for assign in assigns)}
            space.apply(Edit(frozenset(dropped), tuple(freed.values())))
    return space.graph()


def _only_assigned(name: str, readers: Iterable[Node], space: Workspace) -> bool:
    return all(r.op in ASSIGNMENTS and r.inputs[0] == name and r.name not in space.output_names for r in readers)


def _only_waits(node: Node, assigns: Iterable[Node]) -> bool:
    """Whether a node reads assignments by control edges alone."""
    names = {assign.name for assign in assigns}
    return not any(producer_name(t) in names for t in node.data_inputs)


def _stored_as(graph: Graph, name: str) -> tuple[str, str]:
    """A variable's key in the checkpoint, and its slice as the graph's restore ops write it: "4 1 0,2:0,1"."""
    for reader in graph.consumers[name]:
        if reader.op in ASSIGNMENTS and reader.inputs[0] == name:
            tensor = reader.inputs[1]
            while graph.producer(tensor).op == "Identity":
                tensor = graph.producer(tensor).inputs[0]
            restore = graph.producer(tensor)
            if restore.op == "RestoreV2":
                keys, slices = (const_value(graph.producer(t)).reshape(-1) for t in restore.inputs[1:3])
                at = output_index(tensor)
                return keys[at].decode(), slices[at].decode()
    return _PART.sub("", name), ""


def _slice(value: Array, text: str) -> Array:
    """The part of a value that a slice says, "4 1 0,2:-": the whole's shape, then a start,length or - a dimension."""
    if not text:
        return value
    places = []
    for word in text.rsplit(maxsplit=1)[-1].split(":"):
        start, length = map(int, word.split(",")) if word != "-" else (0, None)
        places.append(slice(start, None if length is None else start + length))
    return value[tuple(places)]
