"""What a data set holds, as tests look at it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from octavo.data.assembly import Assembly
from octavo.data.batches import Batch, batches
from octavo.data.blocks import Block
from octavo.data.dataset import Dataset
from octavo.data.folder import ImageBlock
from octavo.data.inputs import ModelInput, ModelInputs
from octavo.data.preprocessing import PRESETS, Preprocessing
from octavo.graph.tensors import Array


def one_image(size: tuple[int, int] | None, channels: int = 3) -> ModelInputs:
    """The inputs of a graph that takes float32 images and nothing else."""
    height, width = size or (None, None)
    return ModelInputs((ModelInput("image", "float32", (None, height, width, channels)),))


def block(dataset: Dataset, start: int = 0, stop: int | None = None) -> Block:
    """The only block of some examples."""
    stop = len(dataset) if stop is None else stop
    ((only,),) = dataset.blocks(start, stop, batch_size=stop - start)
    return only


def images(dataset: Dataset, start: int = 0, stop: int | None = None, channels: int = 3) -> list[Array]:
    """Images as float32, not changed otherwise; they may differ in size."""
    found = block(dataset, start, stop)
    with Assembly(one_image(None, channels), PRESETS["none"]) as assembly:
        taken = one_image(None, channels).inputs[0]
        shape = taken.image()
        assert shape is not None
        return [assembly._one(value, taken, shape, None, found) for value in found.values(found.main or "")]


def file_names(dataset: Dataset) -> list[str]:
    """The names of the image files."""
    found = block(dataset)
    assert isinstance(found, ImageBlock)
    return [Path(file).name for file in found.files]


def read(
    dataset: Dataset, *inputs: ModelInput, settings: Preprocessing = PRESETS["none"], batch_size: int = 4
) -> list[Batch]:
    """All batches for the inputs of a graph."""
    found = batches(
        dataset, settings, start=0, stop=len(dataset), batch_size=batch_size, inputs=ModelInputs(tuple(inputs))
    )
    return list(found)


def vector(name: str, *shape: int | None, dtype: str = "int32") -> ModelInput:
    """An input of a free batch."""
    return ModelInput(name, dtype, (None, *shape))


def joined(found: Sequence[Batch], name: str) -> Array:
    """One input's values of all batches."""
    return np.concatenate([batch.inputs[name] for batch in found])
