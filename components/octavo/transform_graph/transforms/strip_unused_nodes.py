"""Keep what the outputs need, back to the inputs, and make every input a Placeholder.

With the inputs `image` and `mean`, and the output `y`:

Before:
    file = Placeholder()
    image = DecodeJpeg(file)
    mean = Placeholder()
    y = Sub(image, mean) T=uint8
    loss = Mean(y, mean)
After:
    image = Placeholder() dtype=uint8 shape=<...>
    mean = Placeholder()
    y = Sub(image, mean) T=uint8

Unlike the original, an input that is no Placeholder keeps its dtype and gets an unknown shape, where the original makes
it a float32 scalar that no conv accepts; `type` and `shape` say otherwise for all of them, and `name` with
`type_for_name` and `shape_for_name`, given in parallel, for one. An input that is no Placeholder, and of which another
output than the first is fed or read, stays as it is, which is logged: a Placeholder has one output.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from octavo.errors import GraphError, SpecError
from octavo.graph import Graph, Node, output_index, producer_name
from octavo.graph.attrs import TensorShape, named_dtype
from octavo.graph.op_defs import output_dtypes

LOG = logging.getLogger(__name__)


def strip_unused_nodes(
    graph: Graph,
    *,
    type: str = "",  # noqa: A002  the names of TensorFlow's tool
    shape: str = "",
    name: tuple[str, ...] = (),
    type_for_name: tuple[str, ...] = (),
    shape_for_name: tuple[str, ...] = (),
) -> Graph:
    """Keep what the outputs need, back to the inputs.

    Args:
        graph: the graph; its inputs stay even where no output needs them.
        type: dtype of the Placeholders that replace inputs of other types: "float", "uint8".
        shape: their shape: "1,224,224,3"; -1 is an unknown dimension.
        name: inputs with a dtype and shape of their own.
        type_for_name: their dtypes, in the order of `name`.
        shape_for_name: their shapes, in the order of `name`.

    Raises:
        GraphError: when the graph's outputs are not known.
        SpecError: when a dtype or shape cannot be read, or the lists differ in length.
    """
    if not graph.outputs:
        raise GraphError("strip_unused_nodes keeps what the graph's outputs need: name them with --outputs")
    types = _by_name(name, type_for_name, "type_for_name")
    shapes = _by_name(name, shape_for_name, "shape_for_name")
    nodes = dict(graph.nodes)
    several = _used_beyond_first_output(graph)
    for tensor in graph.inputs:
        own = producer_name(tensor)
        if own in several and nodes[own].op != "Placeholder":
            LOG.warning("strip_unused_nodes: %s %r stays: more than its first output is in use", nodes[own].op, own)
        elif nodes[own].op != "Placeholder":
            nodes[own] = _placeholder(nodes[own], tensor, types.get(own, type), shapes.get(own, shape))
    return replace(graph, nodes=nodes).without_dead_nodes()


def _used_beyond_first_output(graph: Graph) -> set[str]:
    """The inputs of which another output than the first is fed, fetched, or read by what the outputs need."""
    bare = {name: replace(n, inputs=()) if name in graph.input_names else n for name, n in graph.nodes.items()}
    needed = replace(graph, nodes=bare).needed_by(graph.outputs)
    tensors = [t for name in needed for t in bare[name].inputs]
    used = {producer_name(t) for t in (*tensors, *graph.inputs, *graph.outputs) if output_index(t) > 0}
    return used & graph.input_names


def _by_name(names: tuple[str, ...], values: tuple[str, ...], what: str) -> dict[str, str]:
    if values and len(values) != len(names):
        raise SpecError(f"{what} is given {len(values)} times and name {len(names)} times; wanted as many")
    return dict(zip(names, values, strict=False))


def _placeholder(node: Node, tensor: str, dtype: str, shape: str) -> Node:
    kind = _read_dtype(dtype or output_dtypes(node)[output_index(tensor)])
    declared = node.attr("shape") if node.op == "PlaceholderWithDefault" else None
    size = TensorShape(_read_shape(shape)) if shape else declared or TensorShape(unknown_rank=True)
    return Node(node.name, "Placeholder", (), {"dtype": kind, "shape": size}, node.device)


def _read_dtype(text: str) -> object:
    names = {"float": "float32", "double": "float64"}
    try:
        return named_dtype(names.get(text, text))
    except TypeError as fault:
        raise SpecError(f"{text!r} is no dtype; wanted one like float, uint8 or int32") from fault


def _read_shape(text: str) -> tuple[int | None, ...]:
    try:
        sizes = tuple(int(size) for size in text.split(","))
    except ValueError as fault:
        raise SpecError(f"{text!r} is no shape; wanted one like 1,224,224,3") from fault
    return tuple(None if size < 0 else size for size in sizes)
