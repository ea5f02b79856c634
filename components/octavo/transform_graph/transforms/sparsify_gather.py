"""Look up rows of a sparse [N, 1] float weight in a hash table that holds those that are not zero.

Before:
    ids = Placeholder() dtype=int64
    w = Const() value=float32<4,1>[0.5, 0, 0, 2]
    read = Identity(w)
    y = Gather(read, ids) Tindices=int64
After:
    ids = Placeholder() dtype=int64
    w/indices = Const() value=int64<2>[0, 3]
    w/values = Const() value=float32<2>[0.5, 2]
    w/HashTable = HashTableV2() key_dtype=int64 value_dtype=float32
    w/InitializeTable = InitializeTableV2(w/HashTable, w/indices, w/values) Tkey=int64 Tval=float32
    y/Const = Const() value=float32<>[0]
    y/LookupTableFind = LookupTableFindV2(w/HashTable, ids, y/Const) Tin=int64 Tout=float32
    y/ExpandDims/Const = Const() value=int32<>[-1]
    y = ExpandDims(y/LookupTableFind, y/ExpandDims/Const) T=float32
    group_deps = NoOp(^w/InitializeTable)

Whoever runs the graph runs group_deps once, before all else: it fills the tables. Name it among the outputs, so that no
later transform takes it away. Values smaller than 0.00001 become 0, and so does the row of an id that the weight does
not have, where Gather fails.

The weight is a Const, or a Variable, VariableV2 or VarHandleOp whose value is read from input_checkpoint; of a
partitioned one the slice that the graph's restore ops name. A variable that only its initializer and restorer used goes
with them. Unlike in the original, what else reads a weight keeps it, gathers of one weight share its table, int32 ids
are cast, a weight of another shape or type is left alone rather than an error, and the table's ops are of version 2,
whose handles today's TensorFlow prefers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from octavo.errors import GraphError, SpecError
from octavo.graph import Graph, Node, const_node, const_value, output_index
from octavo.graph.attrs import DType
from octavo.graph.constants import constant
from octavo.graph.miss import Miss
from octavo.graph.pattern import Match, Value, op
from octavo.graph.rewrite import Outcome, Rule, apply_rules, rule
from octavo.graph.tensors import Array
from octavo.graph.workspace import Edit, Workspace
from octavo.transform_graph.variables import VARIABLES, checkpoint_values, without_idle_variables

SMALLEST = 1e-5
"""The smallest magnitude that counts as not zero."""

PASSING = frozenset({"Identity", "ReadVariableOp"})
"""Op types between a weight and the gather that reads it."""

ReadVariable = Callable[[Node], Array]


def sparsify_gather(graph: Graph, *, group_init_node: str = "group_deps", input_checkpoint: str = "") -> Outcome:
    """Look up rows of a sparse [N, 1] float weight in a hash table.

    Args:
        graph: the graph.
        group_init_node: the NoOp that fills the tables when it is run; made where it is not there.
        input_checkpoint: the prefix of the checkpoint that holds the variables' values.

    Raises:
        SpecError: when a gather reads a variable and input_checkpoint is empty.
        GraphError: when group_init_node is a node of another type, or the checkpoint lacks a variable.
    """
    if graph.nodes.get(group_init_node, Node("", "NoOp")).op != "NoOp":
        raise GraphError(f"group_init_node {group_init_node!r} is a {graph.nodes[group_init_node].op}; wanted a NoOp")
    read = checkpoint_values(graph, input_checkpoint) if input_checkpoint else _no_checkpoint
    tables: dict[str, str] = {}
    outcome = apply_rules(graph, [_rule(tables, read)])
    if not tables:
        return replace(outcome, graph=graph)
    variables = [name for name in tables if graph.nodes[name].op in VARIABLES]
    whole = without_idle_variables(_with_initializer(outcome.graph, group_init_node, tables), variables)
    return replace(outcome, graph=whole)


def _no_checkpoint(variable: Node) -> Array:
    raise SpecError(
        f"sparsify_gather: {variable.op} {variable.name!r} has no value in the graph; "
        "name its checkpoint with input_checkpoint=..., or freeze the graph first"
    )


def _rule(tables: dict[str, str], read: ReadVariable) -> Rule:
    """The rule; `tables` collects each weight's table by the weight's name."""

    @rule(op("Gather|GatherV2", Value("params"), Value("ids"), name="gather"), anchor="gather")
    def look_up(m: Match) -> Edit:
        gather = m["gather"]
        if gather.op == "GatherV2" and (gather.integer("batch_dims") or constant(m.graph, gather.data_inputs[2])):
            raise Miss("GatherV2 gathers along another axis than the first", at=gather.name)
        weight, edges = _weight_of(m.graph, m.tensors["params"])
        table: tuple[Node, ...] = ()
        if weight.name not in tables:
            table = _table(m.graph, weight, _rows(weight, read))
        name = tables.setdefault(weight.name, table[2].name if table else "")
        found = _lookup(m, name, (*gather.control_inputs, *edges))
        return Edit(frozenset({gather.name}), (*table, *found))

    return look_up


def _weight_of(graph: Workspace, tensor: str) -> tuple[Node, tuple[str, ...]]:
    """The weight behind a tensor, and the control edges on the way.

    Raises:
        Miss: when it is neither a Const nor a variable of float32.
    """
    edges: list[str] = []
    node = graph.producer(tensor)
    while node.op in PASSING:
        edges += node.control_inputs
        node = graph.producer(node.data_inputs[0])
    if node.op not in VARIABLES | {"Const"} or node.name in graph.input_names or output_index(tensor):
        raise Miss(f"{tensor!r} is made by {node.op}; wanted a Const or a variable", at=tensor)
    if node.control_inputs or node.dtype("dtype") != "float32":
        raise Miss(f"{node.op} holds {node.dtype('dtype')}, or waits; wanted float32", at=node.name)
    return node, tuple(edges)


def _rows(weight: Node, read: ReadVariable) -> Array:
    """A weight's numbers, float32 [N]."""
    value = const_value(weight) if weight.op == "Const" else read(weight)
    if value.ndim != 2 or value.shape[1] != 1:
        raise Miss(f"the weight has the shape {list(value.shape)}, wanted [N, 1]", at=weight.name)
    return value.reshape(-1)


def _table(graph: Workspace, weight: Node, rows: Array) -> tuple[Node, ...]:
    """Keys, values, table and its initializer; a table without keys would be refused, so that 0 stands for none."""
    keys = np.flatnonzero(~(np.abs(rows) < SMALLEST))
    keys = keys if keys.size else np.zeros(1, np.int64)
    values = np.where(np.abs(rows[keys]) < SMALLEST, np.float32(0), rows[keys]).astype(np.float32)
    names = [
        graph.fresh_name(f"{weight.name}/{what}") for what in ("indices", "values", "HashTable", "InitializeTable")
    ]
    int64, float32 = DType("int64"), DType("float32")
    return (
        const_node(names[0], keys.astype(np.int64)),
        const_node(names[1], values),
        Node(names[2], "HashTableV2", (), {"key_dtype": int64, "value_dtype": float32}),
        Node(names[3], "InitializeTableV2", (names[2], *names[:2]), {"Tkey": int64, "Tval": float32}),
    )


def _lookup(m: Match, table: str, edges: tuple[str, ...]) -> tuple[Node, ...]:
    """What stands in for a gather: the lookup, and a dimension behind its result."""
    gather, ids = m["gather"], m.tensors["ids"]
    nodes = []
    if gather.dtype("Tindices") != "int64":
        attrs = {"SrcT": gather.attrs["Tindices"], "DstT": DType("int64")}
        nodes.append(Node(m.graph.fresh_name(f"{gather.name}/Cast"), "Cast", (ids,), attrs, gather.device))
        ids = nodes[0].name
    names = [m.graph.fresh_name(f"{gather.name}/{n}") for n in ("Const", "LookupTableFind", "ExpandDims/Const")]
    found = {"Tin": DType("int64"), "Tout": DType("float32")}
    control = tuple(dict.fromkeys(edges))
    return (
        *nodes,
        const_node(names[0], np.float32(0)),
        Node(names[1], "LookupTableFindV2", (table, ids, names[0], *control), found, gather.device),
        const_node(names[2], np.int32(-1)),
        Node(gather.name, "ExpandDims", (names[1], names[2]), {"T": DType("float32")}, gather.device),
    )


def _with_initializer(graph: Graph, name: str, tables: dict[str, str]) -> Graph:
    """The graph with a NoOp that waits for every table's initializer."""
    group = graph.nodes.get(name, Node(name, "NoOp"))
    made = set(tables.values())
    waits = [f"^{n.name}" for n in graph.nodes.values() if n.op == "InitializeTableV2" and n.inputs[0] in made]
    nodes = {**graph.nodes, name: replace(group, inputs=tuple(dict.fromkeys((*group.inputs, *waits))))}
    return graph.with_nodes(nodes.values())
