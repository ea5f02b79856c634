"""From blocks of a data set to what goes into a graph: features chosen, images decoded and brought to size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from octavo.data.blocks import Block, Encoded, Labels, Value
from octavo.data.casts import WHOLE, cast, check_pixels, holds, instead
from octavo.data.inputs import ImageShape, ModelInput, ModelInputs
from octavo.data.pixels import Fit, decode, normalise
from octavo.data.preprocessing import Preprocessing
from octavo.data.user_function import UserFunction
from octavo.errors import DataError, SpecError
from octavo.graph.tensors import Array

READERS = 8
"""Images that are read, decoded and resized at a time."""


@dataclass(frozen=True)
class Assembled:
    """A batch, ready to be fed.

    Args:
        inputs: input -> array [examples, ...] of the input's type.
        labels: int64 [examples], or None.
    """

    inputs: Mapping[str, Array]
    labels: Labels | None


class Assembly:
    """Makes batches for the inputs of a graph; several threads may use it. A context manager.

    Args:
        inputs: what the graph takes.
        settings: how examples become that.

    Raises:
        SpecError: when the settings do not fit the graph.
    """

    def __init__(self, inputs: ModelInputs, settings: Preprocessing) -> None:
        self._inputs = inputs.inputs
        self._settings = settings
        self._function = UserFunction(settings.function) if settings.function is not None else None
        self._images = {each.name: each.image(settings.layout) for each in self._inputs}
        check_settings(inputs, settings)
        self._fit = Fit(settings)
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="octavo-images")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def batch(self, blocks: Sequence[Block]) -> Assembled:
        """The blocks' examples.

        Raises:
            DataError: when an example cannot be read, or does not have what the graph takes.
        """
        found = [self._block(block) for block in blocks]
        inputs = {each.name: _joined([values[each.name] for values in found], blocks) for each in self._inputs}
        labels = [block.labels(self._settings.label) for block in blocks]
        known = [each for each in labels if each is not None]
        return Assembled(inputs, np.concatenate(known) if len(known) == len(labels) else None)

    def _block(self, block: Block) -> dict[str, Array]:
        if self._function is not None:
            return self._through_function(block, self._function)
        return {each.name: self._input(block, each) for each in self._inputs}

    def _input(self, block: Block, taken: ModelInput) -> Array:
        """One input's values of a block."""
        values = block.values(self._feature(block, taken))
        shape = self._images[taken.name]
        if shape is None:
            return _numbers(values, taken, block)
        images = self._fitted(values, taken, shape, block)
        numbers = np.asarray(normalise(images, self._settings))
        try:
            return cast(numbers, taken.dtype)
        except ValueError as fault:
            fitting = instead(self._settings, taken.dtype)
            raise DataError(
                f"the images of {block.where!r} become {fault} for the input {taken}, which takes "
                f"{holds(taken.dtype)}; give a preprocessing that makes such, as {fitting} does of pixels from 0 to 255"
            ) from None

    def _feature(self, block: Block, taken: ModelInput) -> str:
        """The feature that goes into an input: the one that was named, of the same name, or the main one."""
        named = self._settings.features.get(taken.name)
        if named is None and taken.name in block.features:
            return taken.name
        if named is None and len(self._inputs) == 1 and block.main is not None:
            return block.main
        if named is not None and named in block.features:
            return named
        raise DataError(
            f"{block.where!r} has no feature {named or taken.name!r} for the input {taken}; it has "
            f"{_listed(block.features)}: name the right one in the preprocessing, features: {{{taken.name}: NAME}}"
        )

    def _fitted(self, values: Sequence[Value] | Array, taken: ModelInput, shape: ImageShape, block: Block) -> Array:
        """Images [examples, height, width, channels], uint8 or float32, in the size that is wanted."""
        size = _size(self._settings, shape)
        if isinstance(values, np.ndarray):
            images = np.asarray(self._resized(_pixels(values, taken, shape, block), size))
        else:
            prepared = self._pool.map(lambda value: self._one(value, taken, shape, size, block), values)
            images = _stacked(list(prepared), block)
        if size is not None and images.shape[1:3] != size:
            raise DataError(
                f"the images of {block.where!r} are {images.shape[1]}x{images.shape[2]} and the preprocessing says "
                f"resize: none, but the graph takes {size[0]}x{size[1]}"
            )
        return images

    def _one(
        self, value: Value, taken: ModelInput, shape: ImageShape, size: tuple[int, int] | None, block: Block
    ) -> Array:
        if isinstance(value, Encoded):
            if shape.channels not in (1, 3):
                raise DataError(
                    f"images of {shape.channels} channels are wanted, but the files in {block.where!r} give 1 (grey) "
                    "or 3 (colour)"
                )
            image = decode(value.content(), value.name, channels=shape.channels)
        else:
            whole = _shaped(value, (*shape.size, shape.channels), taken, block) if shape.size else value
            image = _pixels(whole[np.newaxis], taken, shape, block)[0]
        return np.asarray(self._resized(image, size))

    def _resized(self, image: Any, size: tuple[int, int] | None) -> Any:
        if size is None or self._settings.resize == "none" or tuple(image.shape[-3:-1]) == size:
            return image
        return self._fit(image, size)

    def _through_function(self, block: Block, function: UserFunction) -> dict[str, Array]:
        """What the user's function makes of each example."""
        names = self._function_features(block)
        columns = {name: block.values(name) for name in names}
        alone = names[0] if len(self._inputs) == 1 else None

        def made(place: int) -> Mapping[str, Array]:
            example = {name: _plain(column[place]) for name, column in columns.items()}
            if alone is not None:
                return {self._inputs[0].name: function.of_one(example[alone], block.where)}
            return function.of_all(example, [each.name for each in self._inputs], block.where)

        examples = list(self._pool.map(made, range(len(block))))
        stacked = {each.name: _stacked([example[each.name] for example in examples], block) for each in self._inputs}
        after = f" after {self._settings.function}"
        return {each.name: _as_taken(stacked[each.name], each, block.where, after) for each in self._inputs}

    def _function_features(self, block: Block) -> list[str]:
        return [self._feature(block, self._inputs[0])] if len(self._inputs) == 1 else sorted(block.features)


def check_settings(inputs: ModelInputs, settings: Preprocessing) -> None:
    """Refuse settings that the graph cannot mean. Raises SpecError."""
    unknown = sorted(set(settings.features) - set(inputs.names))
    if unknown:
        raise SpecError(
            f"the preprocessing names a feature for the input {unknown[0]!r}, but the graph's inputs are "
            f"{_listed(inputs.names)}"
        )
    if settings.function is not None:
        return
    found = (each.image(settings.layout) for each in inputs.inputs)
    shapes = [shape for shape in found if shape is not None]
    if not shapes and settings.changes_numbers:
        raise SpecError(
            f"the preprocessing changes pixels, but the graph takes no images: {_listed(map(str, inputs.inputs))}; "
            "wanted images as [batch, height, width, channels], the channels (1 to 4) last (or layout: NCHW), or the "
            "preprocessing none"
        )
    for shape in shapes:
        _size(settings, shape)
        _check_channels(settings, shape.channels)
    check_pixels(inputs, settings)


def _size(settings: Preprocessing, shape: ImageShape) -> tuple[int, int] | None:
    if settings.size is not None and shape.size is not None and settings.size != shape.size:
        raise SpecError(
            f"the preprocessing asks for images of {settings.size[0]}x{settings.size[1]}, but the graph "
            f"takes {shape.size[0]}x{shape.size[1]}"
        )
    return settings.size or shape.size


def _check_channels(settings: Preprocessing, channels: int) -> None:
    for name in ("mean", "std"):
        values = getattr(settings, name)
        if isinstance(values, tuple) and len(values) != channels:
            raise SpecError(
                f"the preprocessing has {len(values)} values for {name}, but the graph's input has {channels} channels"
            )
    if settings.channels == "BGR" and channels != 3:
        raise SpecError(f"the preprocessing says BGR, but the graph's input has {channels} channels")


def _pixels(values: Array, taken: ModelInput, shape: ImageShape, block: Block) -> Array:
    """Stored images as uint8 or float32 [examples, height, width, channels]; grey ones may leave the channel out."""
    images = values[..., np.newaxis] if values.ndim == 3 else values
    if images.ndim != 4:
        raise DataError(
            f"the examples of {block.where!r} have the shape {list(values.shape[1:])}; the input {taken} takes images"
        )
    if images.shape[3] != shape.channels:
        raise DataError(f"the images of {block.where!r} have {images.shape[3]} channels; {shape.channels} are wanted")
    if images.dtype == np.uint8:
        return images
    if taken.dtype in WHOLE:
        with suppress(ValueError):  # so that resizing keeps them whole
            return cast(images, "uint8")
    return images.astype(np.float32)


def _numbers(values: Sequence[Value] | Array, taken: ModelInput, block: Block) -> Array:
    """The values for an input that takes no images."""
    if not isinstance(values, np.ndarray):
        arrays = [value for value in values if not isinstance(value, Encoded)]
        if len(arrays) < len(values):
            raise DataError(f"the input {taken} takes no images, but {block.where!r} holds image files")
        axes = None if taken.shape is None else taken.shape[1:]
        values = _stacked([value if axes is None else _shaped(value, axes, taken, block) for value in arrays], block)
    return _as_taken(values, taken, block.where)


def _shaped(value: Array, axes: Sequence[int | None], taken: ModelInput, block: Block) -> Array:
    """A flat list of numbers, as records hold them, with these axes, of which one may be of any length."""
    if value.ndim != 1 or list(axes).count(None) > 1:
        return value
    try:
        return value.reshape([-1 if axis is None else axis for axis in axes])
    except ValueError:
        raise DataError(
            f"an example of {block.where!r} has {value.size} numbers for the input {taken}, which do not fill it"
        ) from None


def _as_taken(values: Array, taken: ModelInput, where: str, after: str = "") -> Array:
    """The values in the input's type and rank. Fractions for a type of whole numbers are refused by their type."""
    if taken.shape is not None:
        fits = len(values.shape) == len(taken.shape) and all(
            axis in (None, found) for axis, found in zip(taken.shape[1:], values.shape[1:], strict=True)
        )
        if not fits:
            raise DataError(
                f"the examples of {where!r} are {list(values.shape[1:])}{after}; the input {taken} does not take them"
            )
    if values.dtype.kind == "f" and (taken.dtype in WHOLE or taken.dtype == "bool"):
        raise DataError(f"the examples of {where!r} are {values.dtype}{after}; the input {taken} takes whole numbers")
    try:
        return cast(values, taken.dtype)
    except ValueError as fault:
        raise DataError(
            f"the examples of {where!r} hold {fault}{after}; the input {taken} takes {holds(taken.dtype)}"
        ) from None


def _plain(value: Value) -> Array:
    """What a user's function sees: an image decoded in the colours that it has."""
    return np.asarray(decode(value.content(), value.name, channels=0)) if isinstance(value, Encoded) else value


def _stacked(arrays: Sequence[Array], block: Block) -> Array:
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        one, other = sorted(shapes)[:2]
        raise DataError(
            f"the examples of {block.where!r} cannot be put into batches: they differ in size ({list(one)}, "
            f"{list(other)}), and neither the graph nor the preprocessing says which one is wanted"
        )
    return np.stack(arrays)


def _joined(parts: Sequence[Array], blocks: Sequence[Block]) -> Array:
    if len({part.shape[1:] for part in parts}) > 1:
        raise DataError(
            f"the examples of {blocks[0].where!r} ({list(parts[0].shape[1:])}) and {blocks[-1].where!r} "
            f"({list(parts[-1].shape[1:])}) differ in size and cannot be put into one batch"
        )
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
