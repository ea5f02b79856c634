"""Batches of a data set, preprocessed: read, decoded and prefetched by tf.data in a fixed order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from octavo.data.dataset import Dataset, Labels, Source
from octavo.data.elements import mapped
from octavo.data.pixels import fit, normalise
from octavo.data.preprocessing import Preprocessing
from octavo.errors import DataError, SpecError
from octavo.graph.tensors import Array
from octavo.runtime.tensorflow import import_tensorflow

WORKERS = 2
"""Images that are resized at a time, and batches that are normalised at a time."""

AHEAD = 2
"""Batches that are ready before they are asked for."""


@dataclass(frozen=True)
class Batch:
    """Some images that follow each other in the data set.

    Args:
        images: float32 [images, height, width, channels].
        labels: int64 [images], or None for a data set without labels.
        start: the first image's place in the data set.
    """

    images: Array
    labels: Labels | None
    start: int

    def __len__(self) -> int:
        return int(self.images.shape[0])


def batches(
    dataset: Dataset,
    preprocessing: Preprocessing,
    *,
    start: int,
    stop: int,
    batch_size: int,
    image_size: tuple[int, int] | None,
    channels: int = 3,
) -> Iterator[Batch]:
    """The examples from `start` up to `stop` in batches; the last may be smaller.

    Args:
        dataset: what to read.
        preprocessing: how images become the model's input.
        start: the first example.
        stop: one past the last example.
        batch_size: examples a batch.
        image_size: height and width that the graph takes, or None where it takes any.
        channels: colour channels that the graph takes.

    Raises:
        DataError: when an image cannot be read, decoded or brought to the size that the graph takes.
        SpecError: when the preprocessing does not fit the graph.
    """
    size = _size(preprocessing, image_size)
    _check_channels(preprocessing, channels)
    source = dataset.source(start, stop, channels)
    ready = _pipeline(source, preprocessing, size, batch_size)
    for images in _drawn(ready, source, dataset.uri):
        if size is not None and images.shape[1:3] != size:
            raise DataError(
                f"the images of {dataset.uri!r} are {images.shape[1]}x{images.shape[2]} and the preprocessing says "
                f"resize: none, but the graph takes {size[0]}x{size[1]}"
            )
        end = start + len(images)
        yield Batch(images, None if dataset.labels is None else dataset.labels[start:end], start)
        start = end


def _pipeline(source: Source, preprocessing: Preprocessing, size: tuple[int, int] | None, batch_size: int) -> Any:
    images = source.elements()
    if size is not None and preprocessing.resize != "none":
        images = mapped(images, lambda image: fit(image, preprocessing, size), at_once=WORKERS)
    batched = images.batch(batch_size)
    ready = mapped(batched, lambda pixels: normalise(pixels, preprocessing), at_once=WORKERS)
    return ready.prefetch(AHEAD)


def _drawn(ready: Any, source: Source, uri: str) -> Iterator[Array]:
    """The batches as arrays; a fault inside tf.data comes out as what it was."""
    tf = import_tensorflow()
    elements = ready.as_numpy_iterator()
    while True:
        try:
            images = next(elements)
        except StopIteration:
            return
        except tf.errors.OpError as fault:
            cause = source.fault()
            if cause is not None:
                raise cause from None
            raise DataError(
                f"the images of {uri!r} cannot be put into batches: they differ in size, and neither the graph nor the "
                f"preprocessing says which one is wanted ({str(fault.message).splitlines()[0][:120]})"
            ) from fault
        yield np.asarray(images)


def _size(preprocessing: Preprocessing, image_size: tuple[int, int] | None) -> tuple[int, int] | None:
    if preprocessing.size is not None and image_size is not None and preprocessing.size != image_size:
        raise SpecError(
            f"the preprocessing asks for images of {preprocessing.size[0]}x{preprocessing.size[1]}, but the graph "
            f"takes {image_size[0]}x{image_size[1]}"
        )
    return preprocessing.size or image_size


def _check_channels(preprocessing: Preprocessing, channels: int) -> None:
    for name in ("mean", "std"):
        values = getattr(preprocessing, name)
        if isinstance(values, tuple) and len(values) != channels:
            raise SpecError(
                f"the preprocessing has {len(values)} values for {name}, but the graph's input has {channels} channels"
            )
    if preprocessing.channels == "BGR" and channels != 3:
        raise SpecError(f"the preprocessing says BGR, but the graph's input has {channels} channels")
