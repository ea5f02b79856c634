"""Constants in the place of variables, graph to graph, without running anything.

Before:
    w = VarHandleOp()                 v = VariableV2()
    r = ReadVariableOp(w)             i = Identity(v)
After:
    w = Const()                       v = Const()
    r = Identity(w)                   i = Identity(v)

Nodes that carry a variable's handle, such as the Enter of a while loop, carry its value.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from octavo.errors import GraphError
from octavo.graph.attrs import DType
from octavo.graph.frames import with_constants_in_frames
from octavo.graph.graph import Graph, Node
from octavo.graph.miss import Miss
from octavo.graph.names import producer_name
from octavo.graph.tensors import Array, const_node

HANDLE_CARRIERS = frozenset({"Identity", "Enter", "Exit", "Switch", "Merge", "NextIteration"})
PLAIN_OPS = {f"Ref{op}": op for op in sorted(HANDLE_CARRIERS)}
"""Op that passes a reference on -> the op that passes a value on."""
READS = frozenset({"ReadVariableOp", "ResourceGather", "ResourceGatherNd", "VariableShape"})
WRITES = re.compile(r"Assign|CountUpTo|(Resource)?(Scatter|Apply|SparseApply|StridedSliceAssign)")


def substitute(graph: Graph, values: Mapping[str, Array]) -> Graph:
    """The graph with constants in the place of variables.

    Args:
        graph: the graph; every input of every node is in it.
        values: variable node -> its value; other variables stay.

    Raises:
        GraphError: when a node writes one of the variables.
        Miss: when a node hands a variable's handle to a function, or does another thing with it.
    """
    resources = [graph.nodes[name] for name in values if graph.nodes[name].op == "VarHandleOp"]
    references = [graph.nodes[name] for name in values if graph.nodes[name].op != "VarHandleOp"]
    uses = _Uses(values, _carriers(graph, resources, HANDLE_CARRIERS), _carriers(graph, references, PLAIN_OPS))
    made = graph.with_nodes(made for node in graph.nodes.values() for made in _substituted(node, uses))
    return with_constants_in_frames(made)


@dataclass(frozen=True, slots=True)
class _Uses:
    values: Mapping[str, Array]
    handles: Mapping[str, str]
    """Node that makes or carries a variable's handle -> the variable's dtype."""
    references: Mapping[str, str]
    """Node that is or carries a reference to a variable -> the variable's dtype."""


def _carriers(graph: Graph, variables: Sequence[Node], ops: Container[str]) -> Mapping[str, str]:
    """The variables, and the nodes of these ops that pass them on -> the variable's dtype."""
    todo = list(variables)
    found = {node.name: node.dtype("dtype") for node in todo}
    while todo:
        source = todo.pop()
        for reader in graph.consumers[source.name]:
            reads = source.name in map(producer_name, reader.data_inputs)
            if reads and reader.op in ops and reader.name not in found:
                found[reader.name] = found[source.name]
                todo.append(reader)
    return found


def _substituted(node: Node, uses: _Uses) -> Iterator[Node]:
    sources = set(map(producer_name, node.data_inputs))
    if node.name in uses.values:
        made = const_node(node.name, uses.values[node.name], node.dtype("dtype"))
        yield replace(made, device=node.device)
    elif node.name in uses.handles:
        yield node.with_attrs(T=DType(uses.handles[node.name]))
    elif not sources.isdisjoint(uses.handles):
        yield from _read(node, uses.handles)
    else:
        if not sources.isdisjoint(uses.references) and WRITES.match(node.op):
            raise GraphError(_writes(node))
        yield replace(node, op=PLAIN_OPS[node.op]) if node.name in uses.references else node


def _writes(node: Node) -> str:
    variable = producer_name(node.inputs[0])
    return (
        f"the outputs need the {node.op} {node.name!r}, which writes the variable {variable!r}: "
        "name outputs of the inference graph, not of training"
    )


def _read(node: Node, handles: Mapping[str, str]) -> Iterator[Node]:
    """The op that does with a value what this one does with a handle."""
    if WRITES.match(node.op):
        raise GraphError(_writes(node))
    if node.op not in READS:
        raise Miss(f"{node.op} {node.name!r} reads the handle of a variable", at=node.name)
    dtype = DType(handles[producer_name(node.inputs[0])])
    if node.op == "ReadVariableOp":
        yield replace(node, op="Identity", attrs={"T": dtype})
    elif node.op == "VariableShape":
        out_type = {"out_type": node.attrs["out_type"]} if "out_type" in node.attrs else {}
        yield replace(node, op="Shape", attrs={"T": dtype, **out_type})
    elif node.op == "ResourceGatherNd":
        yield replace(node, op="GatherNd", attrs={"Tparams": dtype, "Tindices": node.attrs["Tindices"]})
    else:
        yield from _gather(node, dtype)


def _gather(node: Node, dtype: object) -> Iterator[Node]:
    batch_dims = node.attrs.get("batch_dims", 0)
    axis = const_node(f"{node.name}/axis", np.int32(batch_dims))
    attrs = {
        "Tparams": dtype,
        "Tindices": node.attrs["Tindices"],
        "Taxis": DType("int32"),
        "batch_dims": batch_dims,
    }
    yield axis
    yield replace(node, op="GatherV2", inputs=(*node.data_inputs, axis.name, *node.control_inputs), attrs=attrs)
