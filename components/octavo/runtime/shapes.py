"""The shapes that TensorFlow infers from a graph, without running it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from octavo.errors import GraphError
from octavo.graph import Graph, to_def
from octavo.runtime.mapped import without_large_values
from octavo.runtime.session import full_name
from octavo.tensorflow import first_line, import_tensorflow

Shape = tuple[int | None, ...] | None
"""The sizes of a tensor's dimensions, None where unknown; None as a whole when even their number is."""


def static_shapes(graph: Graph, tensors: Iterable[str]) -> Mapping[str, Shape]:
    """Tensor name -> its inferred shape.

    Raises:
        GraphError: when TensorFlow cannot load the graph.
    """
    tf = import_tensorflow()
    loaded = tf.Graph()
    try:
        with loaded.as_default():
            tf.graph_util.import_graph_def(to_def(without_large_values(graph)), name="")
    except (ValueError, KeyError, tf.errors.OpError) as fault:
        raise GraphError(f"TensorFlow cannot load the graph: {first_line(fault)}") from fault
    shapes = {name: loaded.get_tensor_by_name(full_name(name)).shape for name in tensors}
    return {name: None if shape.rank is None else tuple(shape) for name, shape in shapes.items()}
