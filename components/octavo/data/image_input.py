"""The input of a graph that takes images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from octavo.errors import GraphError, SpecError
from octavo.graph.graph import Graph
from octavo.graph.names import canonical, producer_name
from octavo.graph.tensors import Array
from octavo.runtime.session import placeholder_dtype, placeholder_shape


@dataclass(frozen=True, slots=True)
class ImageInput:
    """What a graph's image input takes.

    Args:
        name: the tensor to feed.
        dtype: NumPy's name of its type.
        batch: the batch size that the graph fixes, or None.
        size: height and width, or None where it takes any.
        channels: colour channels.
    """

    name: str
    dtype: str
    batch: int | None
    size: tuple[int, int] | None
    channels: int

    def steps(self, batch_size: int) -> int:
        """How many images go through the graph at once, given the batch size that was asked for.

        Raises:
            SpecError: when the graph's own batch does not divide it.
        """
        if batch_size < 1:
            raise SpecError(f"the batch size is {batch_size}; wanted 1 or more")
        if self.batch is None:
            return batch_size
        if batch_size % self.batch:
            raise SpecError(
                f"the graph's input {self.name!r} takes {self.batch} images at once, which does not divide the batch "
                f"size {batch_size}; give a multiple of {self.batch}"
            )
        return self.batch

    def feed(self, images: Array) -> dict[str, Array]:
        """What to feed: a batch smaller than the graph's own is filled up with copies of its last image."""
        missing = 0 if self.batch is None else self.batch - len(images)
        if missing > 0:
            images = np.concatenate([images, np.repeat(images[-1:], missing, axis=0)])
        return {self.name: images.astype(self.dtype, copy=False)}


def image_input(graph: Graph, inputs: Sequence[str] = ()) -> ImageInput:
    """The image input of a graph.

    Args:
        graph: the graph.
        inputs: its name; where left out, the graph must have one Placeholder.

    Raises:
        GraphError: when there is no such input, more than one, or one that does not take images.
    """
    name = canonical(_only_input(graph, inputs))
    graph.with_ends((name,), ())
    dtype = placeholder_dtype(graph, name)
    shape = placeholder_shape(graph, name)
    batch, height, width, channels = shape if shape is not None and len(shape) == 4 else (None,) * 4
    if channels is None or channels > 4:
        raise GraphError(
            f"the input {name!r} has the shape {_text(shape)}; wanted images as [batch, height, width, channels], the "
            "channels (1 or 3) last"
        )
    size = None if height is None or width is None else (height, width)
    return ImageInput(name, dtype, batch, size, channels)


def _only_input(graph: Graph, inputs: Sequence[str]) -> str:
    names = tuple(inputs) or tuple(node.name for node in graph.nodes.values() if node.op == "Placeholder")
    if len(names) != 1:
        found = ", ".join(producer_name(name) for name in names[:5]) or "none"
        raise GraphError(f"the graph has {len(names)} inputs ({found}); wanted one, which takes images")
    return names[0]


def _text(shape: tuple[int | None, ...] | None) -> str:
    return "unknown" if shape is None else f"[{', '.join('?' if n is None else str(n) for n in shape)}]"
