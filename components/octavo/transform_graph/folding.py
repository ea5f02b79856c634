"""Folding what follows a conv or matmul, channel by channel, into its weights and a bias.

With a weight tensor of `channels` output channels, y = conv(x, weights) followed by y * scale + offset is
conv(x, weights * scale) + offset. All arithmetic is in float64; the weights' dtype comes back at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from octavo.graph import Node, const_node, output_index, producer_name
from octavo.graph.constants import constant
from octavo.graph.miss import Miss
from octavo.graph.pattern import Match, only_reader
from octavo.graph.tensors import Array
from octavo.graph.workspace import Edit, Workspace

LAYERS = "Conv2D|DepthwiseConv2dNative|MatMul"
"""The op types whose weights take a scale in."""

FUSED_NORMS = frozenset({"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"})
OLD_NORM = "BatchNormWithGlobalNormalization"
SCALES = frozenset({"Mul", "RealDiv"})
OFFSETS = frozenset({"BiasAdd", "Add", "AddV2", "Sub"})


@dataclass(frozen=True, slots=True)
class Affine:
    """y = x * scale + offset; both float64 [channels]."""

    scale: Array
    offset: Array

    def then(self, after: Affine) -> Affine:
        """This one, and another after it."""
        with np.errstate(all="ignore"):
            return Affine(self.scale * after.scale, self.offset * after.scale + after.offset)


@dataclass(frozen=True, slots=True)
class Layer:
    """A conv or matmul with constant weights.

    Args:
        node: the op.
        weights: its second input: [height, width, in, out], of a depthwise conv [height, width, in, multiplier], of a
            matmul [in, out] or, where that is transposed, [out, in].
        channels: how many output channels there are.
        rank: the output's rank.
        axis: which of its dimensions counts the channels.
    """

    node: Node
    weights: Array
    channels: int
    rank: int
    axis: int

    @property
    def data_format(self) -> str:
        """The layout that a batch norm or a bias behind it must have."""
        return "NCHW" if self.rank == 4 and self.axis == 1 else "NHWC"

    def scaled(self, scale: Array) -> Array:
        """The weights times `scale` [channels], in their own dtype.

        Raises:
            Miss: when a weight would become NaN or infinite.
        """
        shape = [1] * self.weights.ndim
        if self.node.op == "DepthwiseConv2dNative":
            shape[2:] = self.weights.shape[2:]
        else:
            shape[0 if _transposed(self.node) else -1] = self.channels
        return self._rounded(self.weights.astype(np.float64) * scale.reshape(shape), "weights")

    def bias(self, offset: Array) -> Array:
        """An offset [channels] in the weights' dtype.

        Raises:
            Miss: when it would become NaN or infinite.
        """
        return self._rounded(offset, "bias")

    def _rounded(self, value: Array, what: str) -> Array:
        with np.errstate(all="ignore"):
            return _finite(value.astype(self.weights.dtype), self.node, what)


def layer_of(graph: Workspace, node: Node) -> Layer:
    """A conv or matmul, with its weights.

    Raises:
        Miss: when the weights are not constant.
    """
    weights = constant(graph, node.data_inputs[1])
    if weights.ndim != (2 if node.op == "MatMul" else 4):
        raise Miss(f"the weights have the shape {list(weights.shape)}", at=node.data_inputs[1])
    if node.op == "MatMul":
        return Layer(node, weights, weights.shape[0 if _transposed(node) else 1], rank=2, axis=1)
    depthwise = node.op == "DepthwiseConv2dNative"
    channels = weights.shape[2] * weights.shape[3] if depthwise else weights.shape[3]
    return Layer(node, weights, channels, rank=4, axis=1 if _data_format(node) == "NCHW" else 3)


def fold_chain(m: Match, types: frozenset[str]) -> Edit:
    """Fold the ops of some types that follow the anchor into it, as far as the first op that something else reads.

    The last folded op's name goes to a BiasAdd or, where no offset was folded, to the anchor.

    Raises:
        Miss: when there is nothing to gain: no scale follows, and not two offsets either.
    """
    layer = layer_of(m.graph, m.anchor)
    chain, total, stopped = _climb(m.graph, layer, types)
    if not any(node.op not in OFFSETS for node in chain) and len(chain) < 2:
        raise stopped
    offset = total.offset if any(node.op not in SCALES for node in chain) else None
    added = folded(m.graph, layer, total.scale, offset, name=chain[-1].name)
    edges = tuple(dict.fromkeys(t for node in chain for t in node.control_inputs))
    root = replace(added[-1], inputs=(*added[-1].inputs, *edges))
    return folding_edit([layer], chain, (*added[:-1], root))


def folding_edit(layers: Sequence[Layer], folded_ops: Sequence[Node], added: Sequence[Node]) -> Edit:
    """The edit that puts `added` in the place of layers and the ops that were folded into them."""
    names = {node.name for node in added}
    weights = {producer_name(layer.node.data_inputs[1]) for layer in layers}
    dropped = {node.name for node in (*folded_ops, *(layer.node for layer in layers))}
    return Edit(frozenset(dropped | (weights & names)), tuple(added))


def folded(graph: Workspace, layer: Layer, scale: Array, offset: Array | None, *, name: str) -> tuple[Node, ...]:
    """The nodes that stand for a layer, a scale and an offset; the last one has the name given.

    New constants take the names <layer>_bn_offset and, where the weights' own Const has other readers as well or is
    an expression, <layer>/folded_weights.
    """
    node = layer.node
    own = graph.producer(node.data_inputs[1])
    private = own.op == "Const" and len(graph.readers(own.name)) == 1 and own.name not in graph.output_names
    last = node.name if offset is not None else name
    label = own.name if private else graph.fresh_name(f"{last}/folded_weights")
    dtype = node.dtype("T")
    weights = const_node(label, layer.scaled(scale), dtype)
    inputs = (node.data_inputs[0], label, *node.control_inputs)
    anchor = replace(node, name=last, inputs=inputs)
    if offset is None:
        return weights, anchor
    bias = const_node(graph.fresh_name(f"{node.name}_bn_offset"), layer.bias(offset), dtype)
    attrs = {key: node.attrs[key] for key in ("T", "data_format") if key in node.attrs}
    return weights, anchor, bias, Node(name, "BiasAdd", (node.name, bias.name), attrs, node.device)


def affine_of(graph: Workspace, layer: Layer, node: Node, tensor: str, types: frozenset[str]) -> Affine:
    """What a node of some types does to each channel of `tensor`, an output of the layer's shape.

    Raises:
        Miss: when it is of another type, not the same for every position, or not constant.
    """
    if node.op not in types:
        raise Miss(f"expected a batch norm after {layer.node.op}, found {node.op} {node.name!r}", at=node.name)
    ones = np.ones(layer.channels)
    if node.op in FUSED_NORMS or node.op == OLD_NORM:
        return norm_affine(graph, node, layer.channels, layer.data_format)
    if node.data_inputs[0] != tensor and node.op in {"RealDiv", "Sub", "BiasAdd"}:
        raise Miss(f"{node.op} takes {tensor!r} as its second input; wanted the first", at=node.name)
    other = node.data_inputs[1] if node.data_inputs[0] == tensor else node.data_inputs[0]
    value = _per_channel(constant(graph, other), layer, node)
    with np.errstate(all="ignore"):
        match node.op:
            case "Mul":
                return Affine(value, 0 * ones)
            case "RealDiv":
                return Affine(1 / value, 0 * ones)
            case "Sub":
                return Affine(ones, -value)
            case _:
                return Affine(ones, value)


def norm_affine(graph: Workspace, node: Node, channels: int, data_format: str) -> Affine:
    """A batch norm with constant statistics: (x - mean) / sqrt(variance + epsilon) * gamma + beta.

    Raises:
        Miss: when the statistics are not constant, or the layout is another than that of the norm's input.
    """
    old = node.op == OLD_NORM
    order = ("mean", "variance", "beta", "gamma") if old else ("gamma", "beta", "mean", "variance")
    if not old:
        _check_fused_norm(graph, node, data_format)
    values = {}
    for what, tensor in zip(order, node.data_inputs[1:], strict=True):
        values[what] = constant(graph, tensor).astype(np.float64)
        if values[what].shape != (channels,):
            raise Miss(f"the {what} has the shape {list(values[what].shape)}, wanted [{channels}]", at=tensor)
    epsilon = node.number("variance_epsilon" if old else "epsilon")
    with np.errstate(all="ignore"):
        scale = 1 / np.sqrt(values["variance"] + epsilon)
    if not old or node.flag("scale_after_normalization"):
        scale = scale * values["gamma"]
    return Affine(scale, values["beta"] - values["mean"] * scale)


def _climb(graph: Workspace, layer: Layer, types: frozenset[str]) -> tuple[list[Node], Affine, Miss]:
    """The ops that can be folded, what they do together, and why the next one is not among them."""
    chain: list[Node] = []
    total = Affine(np.ones(layer.channels), np.zeros(layer.channels))
    node = layer.node
    while True:
        try:
            reader = only_reader(graph, node)
            step = affine_of(graph, layer, reader, node.name, types)
            _finite(step.scale + step.offset, reader, "numbers")
            total = total.then(step)
        except Miss as stopped:
            return chain, total, stopped
        chain.append(reader)
        node = reader


def _check_fused_norm(graph: Workspace, node: Node, data_format: str) -> None:
    if node.flag("is_training"):
        raise Miss(f"{node.op} is in training mode: its statistics come from each batch", at=node.name)
    if _data_format(node) != data_format:
        raise Miss(f"{node.op} is {_data_format(node)}, its input {data_format}", at=node.name)
    for reader in graph.readers(node.name):
        beyond = [t for t in reader.inputs if producer_name(t) == node.name and output_index(t) > 0]
        if beyond:
            raise Miss(f"{reader.op} {reader.name!r} reads {beyond[0]!r}, a statistic", at=node.name)


def _per_channel(value: Array, layer: Layer, node: Node) -> Array:
    """A constant operand as float64 [channels]; it must be the same at every position."""
    shape = (1,) * (layer.rank - value.ndim) + value.shape
    wanted = [1] * layer.rank
    wanted[layer.axis] = layer.channels
    if node.op == "BiasAdd":
        if _data_format(node) != layer.data_format:
            raise Miss(f"BiasAdd is {_data_format(node)}, its input {layer.data_format}", at=node.name)
        shape = tuple(wanted) if value.shape == (layer.channels,) else ()
    fits = len(shape) == layer.rank and all(n in {1, most} for n, most in zip(shape, wanted, strict=True))
    if not fits:
        raise Miss(f"the constant has the shape {list(value.shape)}, wanted one number a channel", at=node.name)
    return np.array(np.broadcast_to(value.astype(np.float64).reshape(-1), (layer.channels,)))


def _finite(value: Array, node: Node, what: str) -> Array:
    if not np.isfinite(value.astype(np.float64)).all():
        raise Miss(f"the folded {what} would hold NaN or infinity", at=node.name)
    return value


def _transposed(node: Node) -> bool:
    return node.op == "MatMul" and node.flag("transpose_b")


def _data_format(node: Node) -> str:
    return node.text("data_format")
