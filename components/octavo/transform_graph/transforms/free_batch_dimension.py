"""Let a graph that was saved for one example take any number of them.

With the input `x` and the output `y`:

Before:
    x = Placeholder() dtype=float32 shape=<1,2,3>
    flat = Const() value=int32<2>[1, 6]
    y = Reshape(x, flat)
After:
    x = Placeholder() dtype=float32 shape=<?,2,3>
    flat = Const() value=int32<2>[-1, 6]
    y = Reshape(x, flat)

A Placeholder's leading dimension of 1 becomes unknown, and so does that of the shape constants by which what it feeds
is reshaped. The result is kept only when it is proved: TensorFlow infers the same shapes as before in all but the
leading dimension, and each row of a random batch of 2 gives what it gives alone, within 1e-5 of the largest value.
Otherwise the graph stays as it is, and a line on standard error says why.

Ours: TensorFlow's tool has no such transform.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from octavo.errors import GraphError
from octavo.graph import Graph, Node, const_node, const_value, producer_name
from octavo.graph.attrs import TensorShape
from octavo.graph.miss import Miss
from octavo.graph.op_defs import is_quantized
from octavo.graph.rewrite import Outcome
from octavo.graph.tensors import Array
from octavo.graph.workspace import Edit, Workspace
from octavo.runtime.session import GraphSession
from octavo.runtime.shapes import Shape, static_shapes
from octavo.runtime.trial import sample_feeds

TOLERANCE = 1e-5
"""Largest difference between a row computed in a batch and alone, relative to the output's largest magnitude."""

LOG = logging.getLogger(__name__)


def free_batch_dimension(graph: Graph) -> Outcome:
    """Let a graph that was saved for one example take any number of them."""
    names = [node.name for node in graph.nodes.values() if _takes_one(node)]
    if not names:
        return Outcome(graph)
    try:
        return Outcome(_freed_and_proved(graph, names))
    except Miss as miss:
        return _left(graph, names, miss)
    except GraphError as fault:
        return _left(graph, names, Miss(str(fault), at=names[0]))


def _left(graph: Graph, names: Collection[str], miss: Miss) -> Outcome:
    LOG.warning("free_batch_dimension: the batch stays 1: %s", miss.reason)
    return Outcome(graph, missed={name: [("free_batch_dimension", miss)] for name in names})


def _takes_one(node: Node) -> bool:
    shape = node.shape("shape") if node.op == "Placeholder" and "shape" in node.attrs else None
    return shape is not None and shape[:1] == (1,)


def _freed_and_proved(graph: Graph, names: Sequence[str]) -> Graph:
    if not graph.outputs:
        raise Miss("the graph's outputs are not known; name them with --outputs", at=names[0])
    if quantized := [node.name for node in graph.nodes.values() if is_quantized(node.op)]:
        raise Miss(f"the graph holds quantized ops ({quantized[0]!r}); free it before quantizing", at=quantized[0])
    tensors = {t for node in graph.nodes.values() for t in node.data_inputs}.union(names, graph.outputs)
    before = static_shapes(graph, tensors)
    freed = _freed(graph, names, before)
    after = static_shapes(freed, tensors & {t for node in freed.nodes.values() for t in node.data_inputs})
    for tensor, shape in after.items():
        if not _same_but_for_batch(before[tensor], shape):
            change = f"{tensor!r} would have the shape {_spelled(shape)}, now {_spelled(before[tensor])}"
            raise Miss(change, at=tensor)
    _check_rows(graph, freed, names)
    return freed


def _freed(graph: Graph, names: Collection[str], shapes: Mapping[str, Shape]) -> Graph:
    """The graph with the Placeholders, and the shape constants behind them, freed."""
    space = Workspace(graph)
    for name in names:
        sizes = graph.nodes[name].shape("shape")
        assert sizes is not None
        free = graph.nodes[name].with_attrs(shape=TensorShape((None, *sizes[1:])))
        space.apply(Edit(frozenset({name}), (free,)))
    for reshape in (node for name in graph.fed_by(names) if (node := graph.nodes[name]).op == "Reshape"):
        old = graph.producer(reshape.data_inputs[1])
        value = _free_shape(old, shapes.get(reshape.name))
        if value is None:
            continue
        if len(graph.consumers[old.name]) == 1 and old.name not in graph.output_names:
            space.apply(Edit(frozenset({old.name}), (replace(const_node(old.name, value), inputs=old.inputs),)))
        else:
            const = replace(const_node(space.fresh_name(f"{reshape.name}/free_shape"), value), inputs=old.inputs)
            inputs = (reshape.inputs[0], const.name, *reshape.inputs[2:])
            space.apply(Edit(frozenset({reshape.name}), (const, replace(reshape, inputs=inputs))))
    return space.graph()


def _free_shape(const: Node, shape: Shape) -> Array | None:
    """The value of a Reshape's shape constant with a free batch; None where it does not begin with 1.

    Where the batch was the dimension to be found (-1 stands elsewhere), the other sizes come from inference.
    """
    if const.op != "Const":
        return None
    value = const_value(const)
    if value.ndim != 1 or not value.size or value[0] != 1:
        return None
    if -1 in value:
        if shape is None or None in shape:
            return None
        value = np.array(shape, value.dtype)
    return np.concatenate([np.array([-1], value.dtype), value[1:]])


def _same_but_for_batch(before: Shape, after: Shape) -> bool:
    if before is None or after is None:
        return before is None
    return len(before) == len(after) and before[1:] == after[1:] and after[:1] in {(None,), before[:1]}


def _check_rows(graph: Graph, freed: Graph, names: Collection[str]) -> None:
    """Confirm that each row of a batch of 2 gives what the unfreed graph gives for it."""
    inputs = graph.inputs or tuple(node.name for node in graph.nodes.values() if node.op == "Placeholder")
    feeds = sample_feeds(replace(freed, inputs=inputs), batch=2)
    with GraphSession(freed, mapped=True, optimizer="none") as session:
        together = session.run(feeds)
    with GraphSession(graph, mapped=True, optimizer="none") as session:
        for row in range(2):
            one = {t: v[row : row + 1] if producer_name(t) in names else v for t, v in feeds.items()}
            for tensor, batch, alone in zip(graph.outputs, together, session.run(one), strict=True):
                _check_row(tensor, batch, alone, row)


def _check_row(tensor: str, batch: Array, alone: Array, row: int) -> None:
    if np.ndim(alone) == 0 or batch.shape != (2 * len(alone), *alone.shape[1:]) or len(alone) != 1:
        shapes = f"two examples give {tensor!r} the shape {list(batch.shape)}, one gives {list(alone.shape)}"
        raise Miss(shapes, at=tensor)
    difference = np.abs(batch[row].astype(np.float64) - alone[0].astype(np.float64)).max(initial=0)
    largest = np.abs(alone.astype(np.float64)).max(initial=0)
    if not difference <= TOLERANCE * largest:
        found = f"a row of {tensor!r} differs by {difference:.3g} in a batch (largest value {largest:.3g})"
        raise Miss(found, at=tensor)


def _spelled(shape: Shape) -> str:
    return "unknown" if shape is None else f"[{', '.join('?' if n is None else str(n) for n in shape)}]"
