"""TensorFlow's own conversion of variables, in a session: for graphs whose functions read variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from octavo.errors import GraphError
from octavo.graph.graph import Graph, Node
from octavo.graph.proto import from_def, to_def
from octavo.graph.tensors import Array
from octavo.tensorflow import first_line, import_tensorflow, quiet_tensorflow


def convert_in_session(
    graph: Graph,
    values: Mapping[str, Array],
    *,
    initializers: Sequence[str] = (),
    convert: Sequence[str] | None = None,
) -> Graph:
    """The part of a graph that its outputs need, with constants in the place of variables.

    Args:
        graph: the graph, its outputs named.
        values: variable node -> its value.
        initializers: nodes to run after the variables have their values and before they are read.
        convert: the variables to convert; all where left out.

    Raises:
        GraphError: when TensorFlow cannot load or convert the graph.
    """
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_from_session_graph

    tf = import_tensorflow()
    definition = to_def(graph.with_nodes([*graph.nodes.values(), *_missing_reads(graph)]))
    with quiet_tensorflow(), tf.Graph().as_default() as loaded:
        try:
            tf.graph_util.import_graph_def(definition, name="")
            with tf.compat.v1.Session(graph=loaded) as session:
                for name, value in values.items():
                    _assign(tf, session, loaded, name, value)
                if initializers:
                    session.run([loaded.get_operation_by_name(name) for name in initializers])
                converted = convert_variables_to_constants_from_session_graph(
                    session,
                    definition,
                    sorted(graph.output_names | graph.input_names),
                    variable_names_allowlist=convert,
                )
        except (tf.errors.OpError, ValueError, KeyError, TypeError, RuntimeError) as fault:
            raise GraphError(f"TensorFlow cannot convert the variables: {first_line(fault)}") from fault
    return from_def(converted).with_ends(graph.inputs, graph.outputs)


def _missing_reads(graph: Graph) -> list[Node]:
    """The node by which TensorFlow's conversion reads each resource variable, where the graph lacks it."""
    handles = [node for node in graph.nodes.values() if node.op == "VarHandleOp"]
    reads = [
        Node(f"{node.name}/Read/ReadVariableOp", "ReadVariableOp", (node.name,), {"dtype": node.attrs["dtype"]})
        for node in handles
    ]
    return [node for node in reads if node.name not in graph.nodes]


def _assign(tf: Any, session: Any, loaded: Any, name: str, value: Array) -> None:
    """Give a variable its value."""
    variable = loaded.get_tensor_by_name(f"{name}:0")
    fed = tf.compat.v1.placeholder(value.dtype, value.shape)
    if variable.dtype == tf.resource:
        assign = tf.raw_ops.AssignVariableOp(resource=variable, value=fed)
    else:
        assign = tf.compat.v1.assign(variable, fed, validate_shape=False)
    session.run(assign, {fed: value})
