"""Small float graphs for tests, built with TensorFlow's own ops, and the way from one to its INT8 graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from octavo.graph import Graph, const_node, from_def, rewire
from octavo.graph.tensors import Array
from octavo.int8.lowering import lower
from octavo.int8.node_names import is_correction
from octavo.quantize_graph.quantize import quantize
from octavo.recipe import Recipe, Target
from octavo.runtime.session import GraphSession
from octavo.tensorflow import import_tensorflow


def build(body: Callable[[Any, Any], Any], shape: tuple[int | None, ...], outputs: tuple[str, ...] = ("out",)) -> Graph:
    """The graph that `body(tf, x)` builds on a placeholder `x`; its result is named `out`."""
    tf = import_tensorflow()
    made = tf.Graph()
    with made.as_default():
        x = tf.compat.v1.placeholder(tf.float32, shape, name="x")
        tf.identity(body(tf, x), name="out")
    return from_def(made.as_graph_def()).with_ends(("x",), outputs).without_dead_nodes()


def run(graph: Graph, x: Array, fetches: tuple[str, ...] | None = None) -> list[Array]:
    """The fetched values (the outputs where none are named) for one input."""
    with GraphSession(graph, fetches) as session:
        return session.run({graph.inputs[0]: x})


def freeze(dynamic: Graph, x: Array) -> Graph:
    """The dynamic-range graph with the ranges and bias corrections that one batch gives."""
    corrections = [name for name in dynamic.nodes if is_correction(name)]
    means = run(dynamic, x, tuple(corrections)) if corrections else []
    names = [n.name for n in dynamic.nodes.values() if n.op == "RequantizationRange"]
    values = run(dynamic, x, tuple(t for n in names for t in (n, f"{n}:1")))
    moved: dict[str, str] = {}
    consts = [const_node(name, mean) for name, mean in zip(corrections, means, strict=True)]
    for name, low, high in zip(names, values[::2], values[1::2], strict=True):
        consts += [const_node(f"{name}/frozen_min", low), const_node(f"{name}/frozen_max", high)]
        moved |= {name: f"{name}/frozen_min", f"{name}:1": f"{name}/frozen_max"}
    gone = {*names, *corrections}
    rest = [n for n in dynamic.nodes.values() if n.name not in gone]
    return dynamic.with_nodes([*consts, *rewire(rest, moved)]).without_dead_nodes()


@dataclass(frozen=True)
class Stages:
    """One model at each stage, and its output for one input."""

    graph: Graph
    dynamic: Graph
    frozen: Graph
    int8: Graph
    x: Array

    def outputs(self) -> tuple[Array, Array, Array]:
        """What the float, the frozen-range and the INT8 graph give for the input."""
        return run(self.graph, self.x)[0], run(self.frozen, self.x)[0], run(self.int8, self.x)[0]

    def ops(self) -> list[str]:
        """The INT8 graph's op types, Consts left out, sorted."""
        return sorted(n.op for n in self.int8.nodes.values() if n.op != "Const")


def quantized(graph: Graph, x: Array, *, recipe: Recipe | None = None, target: Target = "fused") -> Stages:
    """Take a float graph through all stages, calibrated on `x`."""
    dynamic, _ = quantize(graph, recipe or Recipe())
    frozen = freeze(dynamic, x)
    return Stages(graph, dynamic, frozen, lower(frozen, target=target).graph, x)


def without_identity(graph: Graph) -> Graph:
    """The graph without its Identity nodes; the output keeps the name of the last one."""
    moved = {n.name: n.inputs[0] for n in graph.nodes.values() if n.op == "Identity"}
    nodes = rewire([n for n in graph.nodes.values() if n.name not in moved], moved)
    last = moved.get("out", "out")
    return replace(graph.with_ends(graph.inputs, ())).with_nodes(nodes).with_ends(graph.inputs, (last,))
