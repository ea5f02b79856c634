"""Convs that read the two inputs of a concat one by one, so that nothing is joined in memory.

    conv(concat(a, b), w) + bias  =  conv(a, w[:, :, :n]) + (conv(b, w[:, :, n:]) + bias)        n: the channels of a

A pool between the concat and the conv works on each channel alone, so it is done on a and on b. An INT8 concat only
copies, and where its tensors are large that is a tenth of a network's time (SqueezeNet); the sum costs nothing, since
the second kernel adds the first one's output on its way. That output is rounded to eight bits once more, hence:

    the conv has at most half as many output channels as input channels,     or the sum would move as much
    the concat joins two tensors,                                            or there would be several sums
    nothing but the conv (or the pool, then the conv) reads it,              or it is needed all the same
    no sum with another branch follows the conv.                             a kernel takes in one sum
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from octavo.graph.graph import Graph, Node
from octavo.graph.miss import Miss
from octavo.graph.sort import execution_order
from octavo.graph.tensors import Array, const_node, const_value
from octavo.graph.workspace import Edit, Workspace
from octavo.int8.chain import climb, const_behind
from octavo.int8.rules.pool import POOLS
from octavo.quantize_graph.carriers import check_carrier
from octavo.runtime.sample_shapes import sample_shapes


@dataclass(frozen=True, slots=True)
class _Joined:
    """A conv behind a concat of two tensors.

    Attributes:
        concat: the concat.
        pool: the pool between the two, if there is one.
        conv: the conv.
        weights: its filter, float32 [height, width, channels in, channels out].
        tail: the conv, or the bias add behind it.
    """

    concat: Node
    pool: Node | None
    conv: Node
    weights: Array
    tail: Node


def split_concats(graph: Graph, leave: Callable[[Node], bool]) -> tuple[Graph, dict[str, str]]:
    """Split every conv that is worth it.

    Args:
        graph: a float graph.
        leave: whether a concat, pool or conv has to stay as it is.

    Returns:
        The graph, which computes the same, and the conv parts: name -> what became of it. The second part keeps the
        conv's name.
    """
    found = [each for each in _joined(graph) if not any(leave(n) for n in (each.concat, each.pool, each.conv) if n)]
    shapes = sample_shapes(graph, {t for each in found for t in each.concat.data_inputs[:2]}) if found else {}
    space = Workspace(graph)
    notes: dict[str, str] = {}
    for each in found:
        shape = shapes[each.concat.data_inputs[0]]
        if shape is None or len(shape) != 4 or shape[3] is None:
            continue
        first = _split(space, each, shape[3])
        note = f"it read the concat {each.concat.name!r}, and now is two convs with a sum, one for each input"
        notes |= {each.conv.name: note, first: note}
    if not notes:
        return graph, notes
    split = space.graph()
    return replace(split, nodes={node.name: node for node in execution_order(split)}), notes


def _joined(graph: Graph) -> Iterator[_Joined]:
    for concat in graph.nodes.values():
        if not _joins_two(graph, concat):
            continue
        pool, conv = None, _only_reader(graph, concat)
        if conv is not None and conv.op in POOLS and _carries(graph, conv):
            pool, conv = conv, _only_reader(graph, conv)
        if conv is None or conv.op != "Conv2D" or conv.text("data_format") != "NHWC":
            continue
        weights, chain = const_behind(graph, conv.data_inputs[1]), climb(graph, conv)
        tail = chain.bias_add or conv
        if weights is None or chain.total is not None or tail.name in graph.output_names:
            continue
        value = const_value(weights)
        if conv.dtype("T") == "float32" and 2 * value.shape[3] <= value.shape[2]:
            yield _Joined(concat, pool, conv, value, tail)


def _carries(graph: Graph, pool: Node) -> bool:
    try:
        check_carrier(graph, pool)
    except Miss:
        return False
    return True


def _joins_two(graph: Graph, node: Node) -> bool:
    """Whether a node joins the channels of two tensors."""
    if node.op != "ConcatV2" or len(node.data_inputs) != 3:
        return False
    axis = const_behind(graph, node.data_inputs[2])
    return axis is not None and int(const_value(axis)) in {3, -1}


def _only_reader(graph: Graph, node: Node) -> Node | None:
    """The one node that reads a node as its first input, and as nothing else."""
    readers = graph.consumers[node.name]
    if node.name in graph.output_names or len(readers) != 1:
        return None
    reads = [t for t in readers[0].inputs if t.split(":")[0].lstrip("^") == node.name]
    return readers[0] if reads == [node.name] == [readers[0].inputs[0]] else None


def _split(space: Workspace, joined: _Joined, channels: int) -> str:
    """Make the edit; returns the name of the first part."""
    conv, tail = joined.conv, joined.tail
    sources = space.nodes[joined.concat.name].data_inputs[:2]  # as earlier edits may have renamed them
    filters = joined.weights[:, :, :channels], joined.weights[:, :, channels:]
    names = space.fresh_name(f"{conv.name}/first"), conv.name
    total = space.fresh_name(f"{tail.name}/sum")
    added = [] if tail is conv else [tail]
    for source, weights, name in zip(sources, filters, names, strict=True):
        added += _part(space, joined, name, source, weights)
    added.append(Node(total, "AddV2", (tail.name, names[0]), {"T": conv.attrs["T"]}, conv.device))
    gone = frozenset(n.name for n in (joined.concat, joined.pool, conv, tail) if n is not None)
    space.apply(Edit(gone, tuple(added), {tail.name: total}))
    return names[0]


def _part(space: Workspace, joined: _Joined, name: str, source: str, weights: Array) -> list[Node]:
    """A conv of one of the two tensors, behind a pool of its own where there was one."""
    edges = _edges(joined)
    pools = []
    if joined.pool is not None:
        pools.append(replace(joined.pool, name=space.fresh_name(f"{name}/pool"), inputs=(source, *edges)))
    constant = const_node(space.fresh_name(f"{name}/filter_part"), weights, "float32")
    tensor = pools[0].name if pools else source
    return [*pools, constant, replace(joined.conv, name=name, inputs=(tensor, constant.name, *edges))]


def _edges(joined: _Joined) -> tuple[str, ...]:
    """The control edges into all that goes, each once."""
    nodes = (n for n in (joined.concat, joined.pool, joined.conv) if n is not None)
    return tuple(dict.fromkeys(t for node in nodes for t in node.control_inputs))
