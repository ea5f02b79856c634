"""Replace what only constants enter by its value.

With the output `y`:

Before:
    x = Placeholder()
    a = Const() value=float32<2>[1, 4]
    b = Const() value=float32<2>[3, 5]
    s = Add(a, b)
    r = Sqrt(s)
    y = Mul(x, r)
After:
    x = Placeholder()
    r = Const() value=float32<2>[2, 3]
    y = Mul(x, r)

Plain arithmetic is done here, everything else by TensorFlow on one thread, so that the same graph always gives the same
file. The shape of a tensor whose shape is known before the run counts as a constant. Control edges into what is folded
stay, on the new constant. In a loop, or in a branch of a conditional, the shape of a tensor does not count: a constant
in its place would be computed outside.
Never folded: ops that keep state or take quantized types (a wrong attribute of theirs can abort the process), strings,
functions, the nodes of loops and conditionals, and the graph's inputs. Unlike in the original, an input that is no
Placeholder is no error, and --inputs and --outputs may be left out.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np

from octavo.graph import Graph, Node, const_node, output_index, producer_name
from octavo.graph.constants import computed, foldable_nodes, without_control_edges
from octavo.graph.frames import in_control_flow
from octavo.graph.op_defs import output_dtypes
from octavo.graph.tensors import Array
from octavo.graph.workspace import Edit, Workspace
from octavo.runtime.session import GraphSession
from octavo.runtime.shapes import Shape, static_shapes

OUTPUT_SHAPES = "_output_shapes"


def fold_constants(
    graph: Graph,
    *,
    clear_output_shapes: bool = True,
    exclude_op: tuple[str, ...] = (),
    exclude_node: tuple[str, ...] = (),
    max_constant_size_in_bytes: int = 10 * 2**20,
) -> Graph:
    """Replace what only constants enter by its value.

    Args:
        graph: the graph.
        clear_output_shapes: drop the attribute _output_shapes of every node.
        exclude_op: never fold nodes of these types; may be given several times.
        exclude_node: never fold the nodes of these names; may be given several times.
        max_constant_size_in_bytes: never compute a value larger than this.

    Raises:
        GraphError: when TensorFlow cannot load the graph or compute a constant.
    """
    if clear_output_shapes:
        graph = graph.with_nodes(map(_without_output_shapes, graph.nodes.values()))
    excluded = {*exclude_node, *(node.name for node in graph.nodes.values() if node.op in exclude_op)}
    graph = _with_known_shapes(graph, excluded)
    graph = _with_arithmetic_done(graph, excluded, max_constant_size_in_bytes)
    excluded |= _known_to_be_large(graph, excluded, max_constant_size_in_bytes)
    while True:
        constants = foldable_nodes(graph, excluded)
        values = _run(graph, _wanted(graph, constants))
        large = {producer_name(t) for t, value in values.items() if value.nbytes > max_constant_size_in_bytes}
        if not large:
            return _with_values(graph, constants, values)
        excluded |= large


def _without_output_shapes(node: Node) -> Node:
    if OUTPUT_SHAPES not in node.attrs:
        return node
    return replace(node, attrs={key: value for key, value in node.attrs.items() if key != OUTPUT_SHAPES})


def _with_known_shapes(graph: Graph, excluded: Collection[str]) -> Graph:
    """The graph with Shape, Size and Rank of tensors whose shape is known made Consts."""
    kept = graph.input_names.union(excluded, in_control_flow(graph))
    asked = [node for node in graph.nodes.values() if node.op in {"Shape", "Size", "Rank"} and node.name not in kept]
    if not asked:
        return graph
    shapes = static_shapes(graph, {node.data_inputs[0] for node in asked})
    answers = {node.name: _answer(node, shapes[node.data_inputs[0]]) for node in asked}
    return graph.with_nodes(answers.get(node.name, node) for node in graph.nodes.values())


def _answer(node: Node, shape: Shape) -> Node:
    """The Const that a node asking for a shape amounts to; the node itself where the shape is not known."""
    if shape is None or (node.op != "Rank" and None in shape):
        return node
    sizes = [size for size in shape if size is not None]
    value = {"Shape": sizes, "Size": math.prod(sizes), "Rank": len(shape)}[node.op]
    dtype = "int32" if node.op == "Rank" else node.dtype("out_type")
    const = const_node(node.name, np.array(value, dtype))
    return replace(const, inputs=node.control_inputs, device=node.device)


def _with_arithmetic_done(graph: Graph, excluded: Collection[str], limit: int) -> Graph:
    edges = foldable_nodes(graph, excluded)
    values = computed(graph, edges, limit=limit)
    wanted = _wanted(graph, values)
    return _with_values(graph, edges, {name: values[name] for name in wanted})


def _known_to_be_large(graph: Graph, excluded: Collection[str], limit: int) -> set[str]:
    """The nodes whose value would be larger than the limit, as far as shapes can tell before anything is computed."""
    names = [name for name in foldable_nodes(graph, excluded) if graph.nodes[name].op != "Const"]
    if not names:
        return set()
    shapes = static_shapes(without_control_edges(graph, names), names)
    return {name for name in names if _bytes(graph.nodes[name], shapes[name]) > limit}


def _bytes(node: Node, shape: Shape) -> int:
    import tensorflow as tf

    if shape is None:
        return 0
    return math.prod(size or 0 for size in shape) * int(tf.dtypes.as_dtype(output_dtypes(node)[0]).size)


def _wanted(graph: Graph, constants: Collection[str]) -> list[str]:
    """The tensors to compute: made by constant ops, read by others or fetched."""
    wanted: dict[str, None] = {}
    for name in constants:
        node = graph.nodes[name]
        if node.op == "Const":
            continue
        readers = graph.consumers[name]
        outside = [t for r in readers if r.name not in constants for t in r.data_inputs if producer_name(t) == name]
        if not readers or name in graph.output_names or any(f"^{name}" in r.inputs for r in readers):
            outside.append(name)
        wanted.update(dict.fromkeys(outside))
    return list(wanted)


def _run(graph: Graph, tensors: list[str]) -> Mapping[str, Array]:
    if not tensors:
        return {}
    with GraphSession(without_control_edges(graph, tensors), tensors, threads=1) as session:
        return dict(zip(tensors, map(np.asarray, session.run({})), strict=True))


def _with_values(graph: Graph, constants: Mapping[str, frozenset[str]], values: Mapping[str, Array]) -> Graph:
    """The graph with each computed tensor in a Const; output 0 keeps its node's name."""
    space = Workspace(graph)
    of_node: dict[str, dict[str, Array]] = {}
    for tensor, value in values.items():
        of_node.setdefault(producer_name(tensor), {})[tensor] = value
    for name, tensors in of_node.items():
        edges = tuple(sorted(constants[name]))
        consts: list[Node] = []
        renames: dict[str, str] = {}
        for tensor, value in tensors.items():
            port = output_index(tensor)
            label = space.fresh_name(f"{name}/output_{port}") if port else name
            consts.append(replace(const_node(label, value), inputs=edges, device=graph.nodes[name].device))
            renames |= {tensor: label} if port else {}
        space.apply(Edit(frozenset({name}), tuple(consts), renames))
    return space.graph()
