"""Seeded random input for a graph, shaped as its placeholders say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from octavo.errors import GraphError
from octavo.graph import Graph
from octavo.graph.tensors import Array
from octavo.runtime.session import placeholder_dtype, placeholder_shape

SEED = 0

ALIGNMENT = 64
"""TensorFlow copies arrays whose address is no multiple of so many bytes before it runs; servers make ones that are."""


def fixed_batch(graph: Graph) -> int | None:
    """The batch size that a graph's placeholders fix; None where it is free.

    Raises:
        GraphError: when two inputs fix two sizes.
    """
    shapes = [placeholder_shape(graph, name) for name in graph.inputs]
    sizes = {shape[0] for shape in shapes if shape and shape[0] is not None}
    if len(sizes) > 1:
        raise GraphError(f"the inputs {', '.join(graph.inputs)} fix different batch sizes: {sorted(sizes)}")
    return sizes.pop() if sizes else None


def random_feeds(graph: Graph, batch: int, input_shape: Sequence[int] | None = None) -> dict[str, Array]:
    """A value for every input: floats in [0, 1), bytes in 0..255, other integers 0 or 1, booleans false.

    Args:
        graph: a graph with its inputs named.
        batch: examples; the first dimension of every input that has one.
        input_shape: the shape of one example, for inputs whose placeholder does not say it.

    Raises:
        GraphError: when an example's shape is neither in the placeholder nor given, or the two contradict.
    """
    random = np.random.default_rng(SEED)
    feeds = {}
    for name in graph.inputs:
        declared = placeholder_shape(graph, name)
        shape = () if declared == () else (batch, *_example_shape(name, declared, input_shape))
        feeds[name] = _aligned(_random_value(random, shape, np.dtype(placeholder_dtype(graph, name))))
    return feeds


def _example_shape(name: str, declared: tuple[int | None, ...] | None, given: Sequence[int] | None) -> tuple[int, ...]:
    known = tuple(n for n in declared[1:] if n is not None) if declared else ()
    if declared is not None and len(known) == len(declared) - 1:
        return known
    if given is None:
        raise GraphError(
            f"the input {name!r} has the shape {_text(declared)}, which leaves an example's size open; "
            "say it with --input-shape, e.g. --input-shape 224,224,3"
        )
    if declared is not None and not _agree(declared[1:], given):
        raise GraphError(
            f"the input {name!r} has the shape {_text(declared)}; an example of {_text(tuple(given))} does not fit it"
        )
    return tuple(given)


def _agree(declared: Sequence[int | None], given: Sequence[int]) -> bool:
    if len(declared) != len(given):
        return False
    return all(d is None or d == g for d, g in zip(declared, given, strict=True))


def _random_value(random: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Array:
    if dtype.kind == "f":
        return random.random(shape).astype(dtype)
    highest = {"b": 1, "u": 256}.get(dtype.kind, 2)
    return random.integers(0, highest, shape).astype(dtype)


def _aligned(values: Array) -> Array:
    memory = np.empty(values.nbytes + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    copy = memory[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    copy[...] = values
    return copy


def _text(shape: tuple[int | None, ...] | None) -> str:
    if shape is None:
        return "[unknown]"
    return "[" + ",".join("?" if n is None else str(n) for n in shape) + "]"
