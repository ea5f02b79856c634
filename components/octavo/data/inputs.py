"""What a graph takes: one input or several, images or other numbers.

    taken = model_inputs(graph, names)
    for batch in batches(dataset, settings, start=a, stop=b, batch_size=taken.steps(32), inputs=taken):
        session.run(taken.feed(batch))              # batch.inputs: name -> array; batch.labels; batch.start

A feed is filled up to a batch that the graph fixes; `[:len(batch)]` of what comes out is the batch's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from octavo.errors import GraphError, SpecError
from octavo.graph.graph import Graph
from octavo.graph.names import canonical, producer_name
from octavo.graph.tensors import Array
from octavo.runtime.session import placeholder_dtype, placeholder_shape

if TYPE_CHECKING:
    from octavo.data.batches import Batch

Shape = tuple[int | None, ...]

MOST_CHANNELS = 4
"""An axis of more is no image's colour."""


@dataclass(frozen=True, slots=True)
class ModelInput:
    """What one input of a graph takes.

    Args:
        name: the tensor to feed.
        dtype: NumPy's name of its type.
        shape: with the batch in front; None for an axis of any length, and for the whole where nothing is known.
    """

    name: str
    dtype: str
    shape: Shape | None

    def image(self, layout: str = "NHWC") -> ImageShape | None:
        """Height, width and channels of the images that it takes; None where it takes something else."""
        if self.shape is None or len(self.shape) != 4:
            return None
        _, *axes = self.shape
        height, width, channels = axes if layout == "NHWC" else (*axes[1:], axes[0])
        if channels is None or channels > MOST_CHANNELS:
            return None
        return ImageShape(None if height is None or width is None else (height, width), channels)

    @property
    def batch(self) -> int | None:
        """The batch size that it fixes, or None."""
        return self.shape[0] if self.shape else None

    def __str__(self) -> str:
        axes = "unknown" if self.shape is None else f"[{', '.join('?' if n is None else str(n) for n in self.shape)}]"
        return f"{self.name!r} ({self.dtype} {axes})"


@dataclass(frozen=True, slots=True)
class ImageShape:
    """The images that an input takes.

    Args:
        size: height and width, or None where it takes any.
        channels: colour channels.
    """

    size: tuple[int, int] | None
    channels: int


@dataclass(frozen=True, slots=True)
class ModelInputs:
    """All that is fed to a graph.

    Args:
        inputs: in the order in which they were named.
    """

    inputs: tuple[ModelInput, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The tensors to feed."""
        return tuple(each.name for each in self.inputs)

    @property
    def batch(self) -> int | None:
        """The batch size that the graph fixes, or None."""
        return next((each.batch for each in self.inputs if each.batch is not None), None)

    def steps(self, batch_size: int) -> int:
        """How many examples go through the graph at once, given the batch size that was asked for.

        Raises:
            SpecError: when the graph's own batch does not divide it.
        """
        if batch_size < 1:
            raise SpecError(f"the batch size is {batch_size}; wanted 1 or more")
        if self.batch is None:
            return batch_size
        if batch_size % self.batch:
            raise SpecError(
                f"the graph's input {self.names[0]!r} takes {self.batch} examples at once, which does not divide the "
                f"batch size {batch_size}; give a multiple of {self.batch}"
            )
        return self.batch

    def feed(self, batch: Batch) -> dict[str, Array]:
        """What to feed: a batch smaller than the graph's own is filled up with copies of its last example."""
        return {name: self._filled(values) for name, values in batch.inputs.items()}

    def _filled(self, values: Array) -> Array:
        missing = 0 if self.batch is None else self.batch - len(values)
        return np.concatenate([values, np.repeat(values[-1:], missing, axis=0)]) if missing > 0 else values


def model_inputs(graph: Graph, names: Sequence[str] = ()) -> ModelInputs:
    """The inputs of a graph.

    Args:
        graph: the graph.
        names: their names; all Placeholders where left out.

    Raises:
        GraphError: when there is no input, or no such one, or they fix different batch sizes.
    """
    wanted = tuple(names) or tuple(node.name for node in graph.nodes.values() if node.op == "Placeholder")
    if not wanted:
        raise GraphError("the graph has no Placeholder that data could be fed to; name its inputs")
    found = tuple(canonical(name) for name in wanted)
    graph.with_ends(found, ())
    inputs = tuple(ModelInput(name, placeholder_dtype(graph, name), placeholder_shape(graph, name)) for name in found)
    fixed = {each.name: each.batch for each in inputs if each.batch is not None}
    if len(set(fixed.values())) > 1:
        raise GraphError(f"the graph's inputs fix different batch sizes ({_listed(fixed)}); wanted one")
    scalars = [str(each) for each in inputs if each.shape == ()]
    if scalars:
        raise GraphError(f"the graph's input {scalars[0]} is one number for all examples; freeze it as a constant")
    return ModelInputs(inputs)


def _listed(fixed: Mapping[str, int | None]) -> str:
    return ", ".join(f"{producer_name(name)}: {batch}" for name, batch in fixed.items())
