"""Opening a data set by its URI."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int64]


class Dataset(Protocol):
    """Images in a fixed order, with their labels where they have any."""

    @property
    def uri(self) -> str:
        """Where the data set is."""
        ...

    @property
    def labels(self) -> Labels | None:
        """One class number for each image, or None."""
        ...

    def __len__(self) -> int: ...

    def source(self, start: int, stop: int, channels: int) -> Source:
        """The images from `start` up to `stop` as tf.data elements [height, width, channels].

        Raises:
            DataError: when the images cannot be had with that many channels.
        """
        ...


class Source(Protocol):
    """Images on their way into tf.data."""

    def elements(self) -> Any:
        """The tf.data.Dataset, in order; what it holds are uint8 or float32 tensors."""
        ...

    def fault(self) -> Exception | None:
        """What went wrong inside tf.data, which tells its own story only; None when nothing did."""
        ...


def open_dataset(uri: str) -> Dataset:
    """Open a data set; images are read only when they are asked for.

    Args:
        uri: a folder with `labels.csv` (columns filename and label), a folder with a sub-folder for each class
            (numbered in the order of their names, or by their names where these are all numbers), a folder of
            unlabelled images, or an .npz file with `x` [images, height, width(, channels)] and, where there are labels,
            `y`.

    Raises:
        DataError: when there are no images, or the labels cannot be read.
        StorageError: when the URI cannot be reached.
    """
    if uri.lower().endswith(".npz"):
        from octavo.data.arrays import open_arrays

        return open_arrays(uri)
    from octavo.data.folder import open_folder

    return open_folder(uri)
