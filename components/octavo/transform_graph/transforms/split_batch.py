"""Cut each batch into parts that run side by side, a thread each, and join what they give.

    x ─┬─ StridedSlice ─────────── copy of the graph ───────────┬─ ConcatV2 ── y
       └─ StridedSlice ─ Switch ── copy of the graph ── Merge ──┘

An op's kernel runs on all threads, but what TensorFlow does before and behind it runs on one, and with kernels as short
as INT8 ones threads wait more than they work. Parts keep each thread at work, in a session with one intra-op thread and
as many inter-op threads as there are parts. Where a batch has fewer examples than parts, some do not run: no op sees an
empty batch. Constants are not copied.

A row must come of its own example alone, which is proved: random batches of one example, and of more than twice the
parts, give what they gave, within 1e-5 of the largest value. Otherwise the transform fails, and says where.

Ours: TensorFlow's tool has no such transform.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from octavo.errors import GraphError, SpecError
from octavo.graph import Graph, Node, const_node, is_control, load_graph, output_index, producer_name, save_graph
from octavo.graph.attrs import DType
from octavo.graph.names import safe_name
from octavo.graph.op_defs import CONTROL_FLOW, tensor_dtype, with_default_attrs
from octavo.graph.tensors import Array
from octavo.runtime import worker
from octavo.runtime.environment import check_kernels_of
from octavo.runtime.session import GraphSession, placeholder_shape
from octavo.runtime.trial import sample_feeds

TOLERANCE = 1e-5
"""Largest difference of an output, relative to its largest magnitude."""

STEM = "split_batch"
"""The nodes that cut and join are named `split_batch/...`, the copies of a node X `X/part_0`, `X/part_1`..."""


def split_batch(graph: Graph, *, parts: int = 2) -> Graph:
    """Cut each batch into parts that run side by side, and join what they give.

    Args:
        graph: the graph, with its inputs and outputs; each input's first dimension is the batch.
        parts: how many, 2 at least; as many as the cores that one batch is to use.

    Raises:
        GraphError: when its ends are not known, its batch is fixed at 1, it holds a loop, an output is not its node's
            first, or a row depends on more than its example.
        SpecError: when there are fewer than two parts.
    """
    if parts < 2:
        raise SpecError(f"split_batch: parts is {parts}; wanted 2 or more")
    _check(graph)
    made = split(graph, parts)
    _prove(graph, made, parts)
    return made


def _check(graph: Graph) -> None:
    if not graph.inputs or not graph.outputs:
        raise GraphError("split_batch cuts the graph's inputs and joins its outputs: name both")
    if f"{STEM}/size" in graph.nodes:
        raise GraphError("split_batch: the graph's batches are cut already; give it the graph before that")
    for tensor in graph.inputs:
        shape = placeholder_shape(graph, tensor) if graph.producer(tensor).op == "Placeholder" else ()
        if shape is not None and (not shape or shape[0] == 1):
            raise GraphError(
                f"split_batch: the input {tensor!r} has the shape {list(shape)}; wanted a Placeholder with a free "
                "batch in front: see free_batch_dimension"
            )
    for tensor in graph.outputs:
        if output_index(tensor) > 0:
            raise GraphError(f"split_batch: the output {tensor!r} is not its node's first, so that no node can take it")


def split(graph: Graph, parts: int) -> Graph:
    """The same without a proof that it computes the same."""
    behind = frozenset(graph.fed_by(graph.input_names)) - graph.input_names
    copied = [node for node in graph.nodes.values() if node.name in behind]
    if loops := [node.name for node in copied if node.op in CONTROL_FLOW]:
        raise GraphError(f"split_batch: the graph holds a loop or a conditional ({loops[0]!r}), which has no copies")
    outputs = dict.fromkeys(tensor for tensor in graph.outputs if producer_name(tensor) in behind)
    nodes = [node for node in graph.nodes.values() if node.name not in behind]
    nodes += _size_nodes(graph.inputs[0], tensor_dtype(graph, graph.inputs[0]), parts)
    for part in range(parts):
        for tensor in graph.inputs:
            nodes += _cut(tensor, tensor_dtype(graph, tensor), part)
        nodes += (_copy(node, graph, behind, part) for node in copied)
    for tensor in outputs:
        nodes += _joined(tensor, tensor_dtype(graph, tensor), parts)
    return graph.with_nodes(nodes)


def _size_nodes(tensor: str, dtype: str, parts: int) -> Iterator[Node]:
    """Where the parts begin: the part P at the example `STEM/P/start`, int32 [1].

    `STEM/P/any`, bool [], is whether it has examples, which is asked of all but the first. A part has as many as the
    batch over the parts, rounded up, but for those at the end.
    """
    yield from (const_node(f"{STEM}/{name}", np.int32(value)) for name, value in (("zero", 0), ("parts", parts)))
    yield from (const_node(f"{STEM}/{name}", np.array([value], np.int32)) for name, value in (("from", 0), ("by", 1)))
    yield _op(f"{STEM}/shape", "Shape", dtype, tensor)
    yield _slice(f"{STEM}/batch", f"{STEM}/shape", f"{STEM}/from", f"{STEM}/by", "int32", shrink_axis_mask=1)
    yield const_node(f"{STEM}/others", np.int32(parts - 1))
    yield _op(f"{STEM}/filled", "AddV2", "int32", f"{STEM}/batch", f"{STEM}/others")
    yield _op(f"{STEM}/size", "FloorDiv", "int32", f"{STEM}/filled", f"{STEM}/parts")
    for part in range(parts + 1):
        stem = f"{STEM}/{part}"
        yield const_node(f"{stem}/before", np.int32(part))
        yield _op(f"{stem}/first", "Mul", "int32", f"{STEM}/size", f"{stem}/before")
        yield _op(f"{stem}/start", "Pack", "int32", f"{stem}/first", N=1)
        if 0 < part < parts:
            yield _op(f"{stem}/any", "Less", "int32", f"{stem}/first", f"{STEM}/batch")


def _cut(tensor: str, dtype: str, part: int) -> Iterator[Node]:
    """An input's examples of a part; but for the first, dead where there are none: no op then runs on them."""
    name = _part_of(tensor, part)
    bounds = f"{STEM}/{part}/start", f"{STEM}/{part + 1}/start"
    if part == 0:
        yield _slice(name, tensor, *bounds, dtype)
        return
    yield _slice(f"{name}/or_none", tensor, *bounds, dtype)
    yield _op(name, "Switch", dtype, f"{name}/or_none", f"{STEM}/{part}/any")


def _joined(tensor: str, dtype: str, parts: int) -> Iterator[Node]:
    """An output, of what the parts make of it; no rows of a part that has no examples."""
    given = [f"{tensor}/part_0"]
    yield _slice(f"{tensor}/no_rows", given[0], f"{STEM}/from", f"{STEM}/from", dtype)
    for part in range(1, parts):
        name = f"{tensor}/part_{part}"
        yield _op(f"{name}/no_rows", "Switch", dtype, f"{tensor}/no_rows", f"{STEM}/{part}/any")
        yield _op(f"{name}/rows", "Merge", dtype, f"{name}/no_rows", name, N=2)
        given.append(f"{name}/rows")
    yield _op(tensor, "ConcatV2", dtype, *given, f"{STEM}/zero", N=parts)


def _copy(node: Node, graph: Graph, behind: frozenset[str], part: int) -> Node:
    """The node of a part. A hint to stand beside another node, which has other names now, is left out."""
    inputs = tuple(_renamed(t, graph, behind, part) for t in node.inputs)
    attrs = {name: value for name, value in node.attrs.items() if name != "_class"}
    return replace(node, name=f"{node.name}/part_{part}", inputs=inputs, attrs=attrs)


def _renamed(tensor: str, graph: Graph, behind: frozenset[str], part: int) -> str:
    name = producer_name(tensor)
    if name in behind:
        return tensor.replace(name, f"{name}/part_{part}", 1)
    if is_control(tensor) or tensor not in graph.inputs:
        return tensor
    return _part_of(tensor, part) + (":1" if part else "")


def _part_of(tensor: str, part: int) -> str:
    return f"{STEM}/{part}/{safe_name(tensor)}"


def _slice(name: str, tensor: str, start: str, stop: str, dtype: str, **attrs: Any) -> Node:
    index = DType("int32")
    return _op(name, "StridedSlice", dtype, tensor, start, stop, f"{STEM}/by", Index=index, **attrs)


def _op(name: str, op: str, dtype: str, *inputs: str, **attrs: Any) -> Node:
    return with_default_attrs(Node(name, op, inputs, {"T": DType(dtype), **attrs}))


def _prove(graph: Graph, made: Graph, parts: int) -> None:
    """Confirm in a process of its own that batches of several sizes give what they gave."""
    check_kernels_of(graph)
    with tempfile.TemporaryDirectory(prefix="octavo-split-") as folder:
        files = [str(Path(folder, name)) for name in ("before.pb", "after.pb")]
        for each, file in zip((graph, made), files, strict=True):
            save_graph(each, Path(file))
        joined = [tensor for tensor in graph.outputs if f"{tensor}/part_0" in made.nodes]
        request = json.dumps([files, graph.inputs, joined, [1, 2 * parts + 1]])
        try:
            worker.call(f"{__name__}:compare", request)
        except worker.WorkerDiedError as fault:
            raise GraphError(f"split_batch: the graph kills the process that runs it: {fault}") from fault


def compare(request: str) -> None:
    """Run two graph files on random batches, in this process.

    Args:
        request: JSON: both paths, inputs, the outputs to compare, and how many examples the batches have.

    Raises:
        GraphError: when an output differs.
    """
    files, inputs, outputs, sizes = json.loads(request)
    graphs = [load_graph(file).with_ends(inputs, outputs) for file in files]
    made = []
    for graph in graphs:
        with GraphSession(graph, threads=1, optimizer="once") as session:
            made.append([session.run(sample_feeds(graph, batch=size)) for size in sizes])
    for size, before, after in zip(sizes, *made, strict=True):
        for tensor, whole, joined in zip(outputs, before, after, strict=True):
            _check_equal(tensor, whole, joined, size)


def _check_equal(tensor: str, whole: Array, joined: Array, size: int) -> None:
    wanted = "its rows must come of their own examples alone"
    if whole.shape[:1] != (size,) or joined.shape != whole.shape:
        shapes = f"{list(joined.shape)} in parts, {list(whole.shape)} whole"
        raise GraphError(f"split_batch: {size} examples give {tensor!r} the shape {shapes}; {wanted}")
    difference = np.abs(joined.astype(np.float64) - whole.astype(np.float64)).max(initial=0)
    largest = np.abs(whole.astype(np.float64)).max(initial=0)
    if not difference <= TOLERANCE * largest:
        raise GraphError(
            f"split_batch: {tensor!r} differs by {difference:.3g} in parts (largest value {largest:.3g}); {wanted}"
        )
