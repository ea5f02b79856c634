"""Ops that only move or compare values: between INT8 ops they work on the codes."""

from __future__ import annotations

import numpy as np

from octavo.graph.graph import Graph, Node
from octavo.graph.miss import Miss
from octavo.graph.tensors import const_value
from octavo.int8.chain import const_behind
from octavo.int8.checks import CHANNELS_LAST, NO_CONCAT, check_pool
from octavo.int8.rules.moving import MOVERS, PLAIN_MOVERS
from octavo.int8.rules.pool import POOLS

CARRIERS = POOLS | MOVERS | PLAIN_MOVERS | {"ConcatV2", "Pad"}

ALWAYS = frozenset({"MaxPool", "ConcatV2"})
"""Carriers worth doing in INT8 even when a float op reads the result, since they make the tensor smaller."""


def carried_inputs(node: Node) -> tuple[str, ...]:
    """The inputs that hold codes: all but the axis of a concat, the first of every other carrier."""
    return node.data_inputs[:-1] if node.op == "ConcatV2" else node.data_inputs[:1]


def carries_floats(node: Node) -> bool:
    """Whether a node is of a carrier's type and moves float32 values; shapes are joined and cut by the same ops."""
    return node.op in CARRIERS and node.dtype("T") == "float32"


def check_carrier(graph: Graph, node: Node) -> None:
    """Confirm that an op can carry codes.

    Raises:
        Miss: when it cannot.
    """
    if node.op in POOLS:
        _check_pool(node)
    others = [t for t in node.data_inputs if t not in carried_inputs(node)]
    if node.op in {"ConcatV2", "Pad"} and any(const_behind(graph, t) is None for t in others):
        raise Miss("its axis or paddings are not Const", at=node.name, way_out="make them constants in the model")
    if node.op in {"DepthToSpace", "SpaceToDepth"} and node.text("data_format") != "NHWC":
        raise Miss("its data format is not NHWC", at=node.name, way_out=CHANNELS_LAST)
    if node.op == "ConcatV2" and len(carried_inputs(node)) < 2:
        raise Miss("it joins a single tensor", at=node.name, way_out=NO_CONCAT)
    if node.op == "Pad" and _pads_batch_or_is_negative(graph, node):
        raise Miss("it pads the batch", at=node.name, way_out="pad rows, columns or channels only")


def _check_pool(node: Node) -> None:
    if node.text("data_format", "NHWC") != "NHWC":
        raise Miss("its data format is not NHWC", at=node.name, way_out=CHANNELS_LAST)
    if node.text("padding") not in {"SAME", "VALID"}:
        way_out = "pad before the pool, or use SAME or VALID"
        raise Miss("explicit padding has no INT8 pool", at=node.name, way_out=way_out)
    check_pool(node, "missed")


def _pads_batch_or_is_negative(graph: Graph, node: Node) -> bool:
    const = const_behind(graph, node.data_inputs[1])
    assert const is not None
    paddings = const_value(const)
    return bool(np.any(paddings < 0) or np.any(paddings[0]))
