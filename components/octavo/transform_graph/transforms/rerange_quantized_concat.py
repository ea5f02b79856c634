"""Give the kernels whose results meet in a QuantizedConcatV2 one range, so that the concat need not rescale.

Before:
    x = Placeholder() dtype=quint8
    w = Const() value=qint8<1,1,1,1>[127]
    b = Const() value=float32<1>[0]
    zero = Const() value=float32<>[0]
    one = Const() value=float32<>[1]
    three = Const() value=float32<>[3]
    c = QuantizedConv2DWithBiasAndReluAndRequantize(x, w, b, zero, one, one, one, zero, one) Tfilter=qint8 \
Tinput=quint8 Tbias=float32 out_type=quint8
    d = QuantizedConv2DWithBiasAndReluAndRequantize(x, w, b, zero, one, one, one, zero, three) Tfilter=qint8 \
Tinput=quint8 Tbias=float32 out_type=quint8
    axis = Const() value=int32<>[3]
    y = QuantizedConcatV2(c, d, axis, c:1, d:1, c:2, d:2) N=2 T=quint8 Tidx=int32
After:
    x = Placeholder() dtype=quint8
    w = Const() value=qint8<1,1,1,1>[127]
    b = Const() value=float32<1>[0]
    zero = Const() value=float32<>[0]
    one = Const() value=float32<>[1]
    three = Const() value=float32<>[3]
    c_reranged_high = Const() value=float32<>[3]
    c = QuantizedConv2DWithBiasAndReluAndRequantize(x, w, b, zero, one, one, one, zero, c_reranged_high) \
Tbias=float32 Tfilter=qint8 Tinput=quint8 out_type=quint8 padding="VALID" strides=[1, 1, 1, 1]
    d = QuantizedConv2DWithBiasAndReluAndRequantize(x, w, b, zero, one, one, one, zero, three) Tbias=float32 \
Tfilter=qint8 Tinput=quint8 out_type=quint8 padding="VALID" strides=[1, 1, 1, 1]
    axis = Const() value=int32<>[3]
    y = QuantizedConcatV2(c, d, axis, c:1, d:1, c:2, d:2) N=2 T=quint8 Tidx=int32

The range is the widest of all. Kernels are looked for through pools and other concats; those of two concats that share
one all get one range. To be run after fuse_quantized_conv_and_requantize; before it, there are no kernels to find.
Any conv that requantizes counts, depthwise ones and TensorFlow's newer ops too. A range Const that other nodes read is
not changed for those: the kernel gets one of its own. Where that is not possible, or something else feeds the concat,
the concat stays as it is, which is right too.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from octavo.graph import Graph, Node, const_node, const_value
from octavo.graph.miss import Miss
from octavo.graph.registry import op_def
from octavo.graph.rewrite import Outcome
from octavo.graph.workspace import Edit, Workspace

LOG = logging.getLogger(__name__)

CONCAT = "QuantizedConcatV2"
POOLS = frozenset({"QuantizedMaxPool", "QuantizedAvgPool"})
FUSED_CONVS = frozenset({"_FusedQuantizedConv2D", "_FusedQuantizedDepthwiseConv2D"})


def rerange_quantized_concat(graph: Graph) -> Outcome:
    """Give the kernels whose results meet in a QuantizedConcatV2 one range."""
    space = Workspace(graph)
    kernels: dict[str, frozenset[str]] = {}
    missed: dict[str, list[tuple[str, Miss]]] = {}
    for node in (n for n in graph.nodes.values() if n.op == CONCAT):
        try:
            kernels[node.name] = frozenset(_behind(space, node))
        except Miss as miss:
            LOG.warning("%s %r rescales its inputs: %s", node.op, node.name, miss)
            missed[node.name] = [("rerange_quantized_concat", miss)]
    for group in _groups(kernels):
        try:
            _rerange(space, sorted(group))
        except Miss as miss:
            LOG.warning("a QuantizedConcatV2 rescales its inputs: %s", miss)
            concats = (name for name, found in kernels.items() if found & group)
            missed |= {name: [("rerange_quantized_concat", miss)] for name in concats}
    return Outcome(space.graph(), missed=missed)


def _behind(space: Workspace, concat: Node) -> Iterator[str]:
    todo = list(concat.data_inputs[: concat.integer("N")])
    seen: set[str] = set()
    while todo:
        node = space.producer(todo.pop())
        if node.name in seen:
            continue
        seen.add(node.name)
        if node.op == CONCAT:
            todo += node.data_inputs[: node.integer("N")]
        elif node.op in POOLS:
            todo.append(node.data_inputs[0])
        elif _range_at(node) is None:
            raise Miss(f"{node.op} {node.name!r} feeds it; wanted convs with a frozen range", at=node.name)
        else:
            yield node.name


def _range_at(node: Node) -> int | None:
    """Where the range of a conv's result stands among its inputs; None for other ops."""
    if node.op in FUSED_CONVS:
        return len(node.data_inputs) - 2 if "Requantize" in node.texts("fused_ops") else None
    if not (node.op.startswith(("QuantizedConv2D", "QuantizedDepthwiseConv2D")) and node.op.endswith("AndRequantize")):
        return None
    return [arg.name for arg in op_def(node.op).input_arg].index("min_freezed_output")


def _groups(kernels: dict[str, frozenset[str]]) -> list[set[str]]:
    """The kernels that must have one range: those of each concat, joined where two concats share one."""
    leader: dict[str, set[str]] = {}
    for found in kernels.values():
        joined: set[str] = set(found)
        for group in {id(leader[name]): leader[name] for name in found if name in leader}.values():
            joined |= group
        leader |= dict.fromkeys(joined, joined)
    return list({id(group): group for group in leader.values()}.values())


def _rerange(space: Workspace, names: list[str]) -> None:
    """Give kernels the widest of their ranges; all of them or none."""
    nodes = [space.nodes[name] for name in names]
    if len({node.dtype("out_type") for node in nodes}) > 1:
        raise Miss("some of its kernels give signed codes, some unsigned", at=names[0])
    ends = [_ends(space, node) for node in nodes]
    widest = (min(low for low, _ in ends), max(high for _, high in ends))
    for node, own in zip(nodes, ends, strict=True):
        if own != widest:
            _check_flow(space, node, widest)
    edits = [edit for node in nodes for end in (0, 1) for edit in _moved_end(space, node, end, widest[end])]
    for kernel, end, value, readers in edits:
        _apply(space, kernel, end, value, readers)


_Move = tuple[str, int, float, tuple[str, ...]]
"""A kernel, which end of its range moves, where to, and the readers of its codes that name the old Const."""


def _ends(space: Workspace, node: Node) -> tuple[float, float]:
    at = _range_at(node)
    assert at is not None
    consts = [space.producer(t) for t in node.data_inputs[at : at + 2]]
    if any(const.op != "Const" for const in consts):
        raise Miss(f"the range of {node.op} {node.name!r} is no Const", at=node.name)
    low, high = (float(const_value(const).reshape(())) for const in consts)
    return low, high


def _check_flow(space: Workspace, kernel: Node, widest: tuple[float, float]) -> None:
    """Confirm that all who read a kernel's codes, through pools and concats too, learn of a new range.

    Raises:
        Miss: when one of them takes the range from elsewhere.
    """
    at = _range_at(kernel)
    assert at is not None
    todo = [(kernel.name, kernel.data_inputs[at : at + 2])]
    while todo:
        name, consts = todo.pop()
        for reader in space.readers(name):
            uses = reader.data_inputs.count(name)
            ports = [{f"{name}:{port}", *consts[port - 1 : port]} for port in (1, 2)]
            if any(sum(t in port for t in reader.data_inputs) < uses for port in ports):
                raise Miss(f"{reader.op} {reader.name!r} takes its range from elsewhere", at=reader.name)
            if reader.op in POOLS or (reader.op == CONCAT and not _is_at(space, reader, widest)):
                todo.append((reader.name, ()))
            elif uses and reader.op not in {CONCAT, "Dequantize"} and _range_at(reader) is None:
                raise Miss(f"{reader.op} {reader.name!r} reads it", at=reader.name)


def _is_at(space: Workspace, concat: Node, widest: tuple[float, float]) -> bool:
    """Whether the result of a concat has the widest range already."""
    ends = [_ends(space, space.nodes[name]) for name in _behind(space, concat)]
    return (min(low for low, _ in ends), max(high for _, high in ends)) == widest


def _moved_end(space: Workspace, node: Node, end: int, value: float) -> Iterator[_Move]:
    """The move of one end of a kernel's range, if it moves at all.

    Raises:
        Miss: when a reader of its codes names the range's Const for something else too.
    """
    if _ends(space, node)[end] == value:
        return
    at = _range_at(node)
    assert at is not None
    const = node.data_inputs[at + end]
    readers = [reader for reader in space.readers(node.name) if const in reader.data_inputs]
    for reader in readers:
        if reader.data_inputs.count(const) != reader.data_inputs.count(node.name):
            raise Miss(f"{reader.op} {reader.name!r} reads {const!r} for another range as well", at=const)
    yield node.name, end, value, tuple(reader.name for reader in readers)


def _apply(space: Workspace, name: str, end: int, value: float, readers: tuple[str, ...]) -> None:
    node = space.nodes[name]
    at = _range_at(node)
    assert at is not None
    old = node.data_inputs[at + end]
    const = const_node(space.fresh_name(f"{name}_reranged_{('low', 'high')[end]}"), np.float32(value))
    inputs = tuple(const.name if place == at + end else t for place, t in enumerate(node.inputs))
    rewired = [replace(node, inputs=inputs)]
    rewired += [_reading(space.nodes[reader], old, const.name) for reader in readers]
    space.apply(Edit(frozenset(n.name for n in rewired), (const, *rewired)))


def _reading(node: Node, old: str, new: str) -> Node:
    return replace(node, inputs=tuple(new if t == old else t for t in node.inputs))
