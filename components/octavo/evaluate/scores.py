"""Which output of a graph holds the scores of classes, where it has several.

Scores are floats [images, classes]; axes of one element, which a fully convolutional graph leaves, do not count. Of
several outputs that look so, those that are made by a Softmax are meant rather than features; of these, the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from octavo.errors import GraphError
from octavo.graph.graph import Graph
from octavo.graph.op_defs import tensor_dtype
from octavo.graph.passing import made_by
from octavo.graph.tensors import Array
from octavo.runtime.shapes import Shape, static_shapes

PROBABILITIES = frozenset({"Softmax", "LogSoftmax"})


@dataclass(frozen=True, slots=True)
class Scored:
    """The output that is scored.

    Attributes:
        place: which of the graph's outputs it is.
        rivals: the outputs behind it that may be meant as well.
    """

    place: int
    rivals: tuple[str, ...] = ()


def scored_output(graph: Graph, values: Sequence[Array]) -> Scored:
    """The output whose values are scores; the only one, where there is one.

    Args:
        graph: the graph.
        values: its outputs for some images.

    Raises:
        GraphError: when none of several outputs looks like scores; the message lists them.
    """
    kinds = {name: (value.dtype.name, value.shape) for name, value in zip(graph.outputs, values, strict=True)}
    return _chosen(graph, kinds)


def check_scored(graph: Graph) -> None:
    """Say before a run that none of a graph's outputs can be scores, as far as their shapes are known.

    Raises:
        GraphError: as `scored_output` does, or when TensorFlow cannot load the graph.
    """
    if len(graph.outputs) > 1:
        shapes = static_shapes(graph, graph.outputs)
        _chosen(graph, {name: (tensor_dtype(graph, name), shapes[name]) for name in graph.outputs})


def _chosen(graph: Graph, kinds: Mapping[str, tuple[str, Shape]]) -> Scored:
    if len(kinds) == 1:
        return Scored(0)
    alike = [name for name, kind in kinds.items() if _looks_like_scores(*kind)]
    if not alike:
        listed = ", ".join(f"{name!r} {dtype} {_spelled(shape)}" for name, (dtype, shape) in kinds.items())
        raise GraphError(
            f"none of the {len(kinds)} outputs looks like scores for classes, float32 [images,classes], of which top-1 "
            f"is counted: {listed}; leave the validation data out, or name the output that holds scores with --outputs "
            "(in the pipeline output_names)"
        )
    meant = [name for name in alike if made_by(graph, name).op in PROBABILITIES] or alike
    return Scored(graph.outputs.index(meant[0]), tuple(meant[1:]))


def _looks_like_scores(dtype: str, shape: Shape) -> bool:
    """Whether a tensor may be scores; one of unknown shape may."""
    if not dtype.startswith(("float", "bfloat")):
        return False
    if shape is None:
        return True
    sizes = [size for size in shape[1:] if size != 1]
    return len(sizes) == 1 and sizes[0] != 0


def _spelled(shape: Shape) -> str:
    return "of unknown shape" if shape is None else f"[{','.join('?' if n is None else str(n) for n in shape)}]"
