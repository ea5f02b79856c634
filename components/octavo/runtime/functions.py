"""Functions of TensorFlow 2, from SavedModels and Keras files, as frozen graphs with the caller's names.

The variables become constants, called functions are inlined, and the inputs and outputs take the names that a caller
knows: a signature's keys, or the names of a Keras model's layers.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from octavo.errors import GraphError
from octavo.graph.attrs import DType
from octavo.graph.frames import placing_edges
from octavo.graph.graph import Graph, Node
from octavo.graph.library import without_unused_functions
from octavo.graph.names import canonical, is_control, output_index, producer_name
from octavo.graph.proto import from_def
from octavo.graph.registry import op_def
from octavo.tensorflow import first_line, import_tensorflow, quiet_tensorflow

WRITES = re.compile(r"Assign\w*VariableOp|Resource(Scatter|Apply|SparseApply)")
"""Ops that change a variable."""


@dataclass(frozen=True, slots=True)
class FunctionGraph:
    """A function as a frozen graph.

    Args:
        graph: the graph, its inputs and outputs named.
        variables: the names of the Consts that hold what were variables.
    """

    graph: Graph
    variables: frozenset[str]


def saved_model_function(folder: Path, signature: str, tags: Sequence[str] = ("serve",)) -> FunctionGraph:
    """A signature of a SavedModel that TensorFlow 2 wrote; inputs and outputs are named by the signature's keys.

    Raises:
        GraphError: when TensorFlow cannot load the model, or the model writes its variables.
    """
    tf = import_tensorflow()
    with quiet_tensorflow():
        try:
            loaded = tf.saved_model.load(str(folder), tags=list(tags))
            function = loaded.signatures[signature]
        except Exception as fault:  # TensorFlow raises whatever the model's code raises
            raise GraphError(f"TensorFlow cannot load the SavedModel {str(folder)!r}: {first_line(fault)}") from fault
        inputs = sorted(function.structured_input_signature[1])
        return _frozen(function, inputs, sorted(function.structured_outputs))


def keras_function(file: Path) -> FunctionGraph:
    """A Keras model's inference, from a .keras or .h5 file; inputs and outputs are named by their layers.

    Raises:
        GraphError: when Keras cannot load the model, it does not know its input's shape, or it writes its variables.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    tf = import_tensorflow()
    with quiet_tensorflow():
        try:
            model = tf.keras.models.load_model(file, compile=False)
            inputs, outputs = list(model.inputs), list(model.outputs)
        except Exception as fault:  # Keras raises whatever a layer's code raises
            raise GraphError(f"Keras cannot load {str(file)!r}: {first_line(fault)}") from fault
        names = [_layer_name(tensor) for tensor in inputs]
        specs = [tf.TensorSpec(t.shape, t.dtype, n) for t, n in zip(inputs, names, strict=True)]

        def infer(*tensors: Any) -> list[Any]:
            """The model's outputs, in order."""
            made = model(list(tensors) if len(tensors) > 1 else tensors[0], training=False)
            return list(tf.nest.flatten(made))

        function = tf.function(infer, input_signature=specs, autograph=False).get_concrete_function()
        return _frozen(function, names, _distinct([_layer_name(tensor) for tensor in outputs]))


def _layer_name(tensor: Any) -> str:
    """The name of the layer that makes a Keras tensor."""
    return str(tensor._keras_history.operation.name)  # noqa: SLF001  Keras has no public way to ask


def _distinct(names: Sequence[str]) -> list[str]:
    """The names, the second "a" becoming "a_1"."""
    return [f"{name}_{names[:i].count(name)}" if name in names[:i] else name for i, name in enumerate(names)]


def _frozen(function: Any, inputs: Sequence[str], outputs: Sequence[str]) -> FunctionGraph:
    """The function's graph, frozen and renamed; `inputs` and `outputs` are in the order of the function's."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    _refuse_writes(function)
    captures = _captured_variables(function)
    constant = convert_variables_to_constants_v2(function)
    graph = from_def(constant.graph.as_graph_def())
    outputs = _distinct([*inputs, *outputs])[len(inputs) :]
    fed = {producer_name(tensor.name): name for tensor, name in zip(constant.inputs, inputs, strict=True)}
    names = _new_names(graph, fed, captures, {*inputs, *outputs})
    nodes = [_with_names(node, names) for node in graph.nodes.values()]
    for tensor, name in zip(constant.outputs, outputs, strict=True):
        source = _behind_identity(graph, canonical(tensor.name))
        nodes.append(Node(name, "Identity", (_renamed(source, names),), {"T": DType(tensor.dtype.name)}))
    whole = replace(graph, nodes={}).with_nodes(nodes).with_ends(inputs, outputs)
    cut = without_idle_control_edges(whole).without_dead_nodes()
    variables = frozenset(names[name] for name in captures if name in names)
    return FunctionGraph(without_unused_functions(cut), variables & frozenset(cut.nodes))


def _refuse_writes(function: Any) -> None:
    """Confirm that a function leaves its variables as they are, so that they can be constants."""
    definition = function.graph.as_graph_def()
    nodes = itertools.chain(definition.node, *(each.node_def for each in definition.library.function))
    written = next((node for node in nodes if WRITES.match(node.op)), None)
    if written is not None:
        raise GraphError(
            f"the model writes a variable each time it infers ({written.op} {written.name!r}), as a stateful layer "
            "does, and a constant cannot be written: export it without state (in Keras stateful=False)"
        )


def _captured_variables(function: Any) -> dict[str, str]:
    """Placeholder that stands for a variable inside the function -> the variable's name."""
    names = {id(variable.handle): variable.name.split(":")[0] for variable in function.variables}
    pairs = ((inner.op.name, id(outer)) for outer, inner in function.graph.captures)
    return {inner: names[outer] for inner, outer in pairs if outer in names}


def _behind_identity(graph: Graph, tensor: str) -> str:
    """The tensor that a chain of Identity nodes passes on."""
    node = graph.producer(tensor)
    while node.op == "Identity" and not output_index(tensor):
        tensor = node.data_inputs[0]
        node = graph.producer(tensor)
    return tensor


def _new_names(graph: Graph, firm: Mapping[str, str], wished: Mapping[str, str], taken: set[str]) -> dict[str, str]:
    """Old name -> new name. Firm names are given as they are; all others keep off `taken`, by a number at the end."""
    names = dict(firm)
    taken = set(taken)
    for name in graph.nodes:
        if name not in firm:
            names[name] = _free_name(wished.get(name, name), taken)
            taken.add(names[name])
    return names


def _free_name(name: str, taken: set[str]) -> str:
    number, free = 0, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def _with_names(node: Node, names: Mapping[str, str]) -> Node:
    return replace(node, name=names[node.name], inputs=tuple(_renamed(t, names) for t in node.inputs))


def _renamed(tensor: str, names: Mapping[str, str]) -> str:
    name = producer_name(tensor)
    return tensor.replace(name, names[name], 1)


def without_idle_control_edges(graph: Graph) -> Graph:
    """The same graph without control edges from nodes that have no effect to wait for.

    What inlining leaves behind: edges from NoOps that wait for reads of variables that are constants now. Edges that
    keep a node in its loop or branch stay.
    """

    def acts(op: str) -> bool:
        definition = op_def(op)
        return definition is None or (definition.is_stateful and op != "Placeholder")

    waited_for = _reached(graph, [node.name for node in graph.nodes.values() if acts(node.op)])
    placing = placing_edges(graph)

    def kept(node: Node, tensor: str) -> bool:
        return not is_control(tensor) or producer_name(tensor) in waited_for or tensor in placing.get(node.name, ())

    return graph.with_nodes(
        replace(node, inputs=tuple(t for t in node.inputs if kept(node, t))) for node in graph.nodes.values()
    )


def _reached(graph: Graph, names: Sequence[str]) -> set[str]:
    """These nodes and all that depend on them."""
    todo, seen = list(names), set(names)
    while todo:
        for reader in graph.consumers[todo.pop()]:
            if reader.name not in seen:
                seen.add(reader.name)
                todo.append(reader.name)
    return seen
