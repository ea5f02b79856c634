"""What a data set is made of: parts, which are read in blocks of consecutive examples.

An example has named features. What a feature is called depends on where it is stored:

    an image file          image
    an .npz or .npy file   the arrays' names; x for the one array of an .npy file
    a TFRecord file        the features of tf.train.Example
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from octavo.graph.tensors import Array
from octavo.storage import read_bytes

Labels: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Encoded:
    """An image as a file holds it.

    Args:
        name: what messages call it.
        held: its bytes; None has them read from the URI `name` when they are asked for.
    """

    name: str
    held: bytes | None = None

    def content(self) -> bytes:
        """The file's bytes. Raises StorageError when they cannot be read."""
        return read_bytes(self.name) if self.held is None else self.held


Value: TypeAlias = "Array | Encoded"


class Block(Protocol):
    """Consecutive examples of one part."""

    def __len__(self) -> int: ...

    @property
    def where(self) -> str:
        """What messages call the file, or the folder."""
        ...

    @property
    def features(self) -> Collection[str]:
        """The names of the features."""
        ...

    @property
    def main(self) -> str | None:
        """The feature that a graph of one input takes, whatever that is called; None where there is no such."""
        ...

    def values(self, feature: str) -> Sequence[Value] | Array:
        """The values of a feature: one for each example, or an array [examples, ...].

        Raises:
            DataError: when the values cannot be read.
        """
        ...

    def labels(self, feature: str | None) -> Labels | None:
        """One class number for each example, from a feature or, where left out, from where labels usually are.

        Raises:
            DataError: when there is no such feature, or it holds no class numbers.
        """
        ...


class PartReader(Protocol):
    """An opened part, which one thread reads from its beginning to its end."""

    def block(self, start: int, stop: int) -> Block:
        """The examples from `start` up to `stop`.

        Raises:
            DataError: when they cannot be read.
            StorageError: when the store fails.
        """
        ...

    def close(self) -> None:
        """Let go of files."""
        ...


class Part(Protocol):
    """Examples in one file, or image files one behind the other."""

    @property
    def uri(self) -> str:
        """The file, or the folder."""
        ...

    @property
    def scattered(self) -> bool:
        """Whether examples are files of their own, which cost the same in any order."""
        ...

    def __len__(self) -> int: ...

    def opened(self) -> PartReader:
        """A reader of the part. Raises as the reader does."""
        ...

    def labels(self, start: int, stop: int) -> Labels | None:
        """The labels of these examples, from where labels usually are. Raises as the reader does."""
        ...

    def picked(self, places: Sequence[int]) -> Part:
        """Some examples of a scattered part, in that order."""
        ...

    def entries(self, start: int, stop: int) -> Iterator[dict[str, Any]]:
        """The lines of a manifest that say these examples."""
        ...

    def sizes(self, start: int, stop: int) -> Iterator[int]:
        """Bytes of each of these examples, about; 0 where nobody knows."""
        ...
