"""What a graph thinks of the images of a shard, as evaluate_shard leaves it."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from octavo.documents.document import Document
from octavo.errors import DataError
from octavo.reading import read_document


class Ranking(Document):
    """What a graph thinks of the images of a shard; whether it is right is judged when all are known.

    Attributes:
        start: the first image.
        stop: one past the last image.
        best: the classes of each image from the best downwards, five or fewer.
        labels: the images' classes, as the data set counts them.
        classes: how many the graph tells apart.
        label_offset: the graph's class of label 0, where the preprocessing says it.
        batch_size: images that went through the graph at once.
        seconds: see `Evaluation`.
        output: see `Evaluation`.
        outputs: see `Evaluation`.
        rivals: see `Evaluation`.
    """

    start: int
    stop: int
    best: list[list[int]]
    labels: list[int]
    classes: int
    label_offset: int | None
    batch_size: int
    seconds: float
    output: str
    outputs: int
    rivals: list[str]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what a shard's evaluation wrote.

        Raises:
            DataError: when the file cannot be read or holds something else.
        """
        return read_document(
            path,
            cls,
            DataError,
            unread="the shard's evaluation {path!r} cannot be read: {why}",
            wrong="{path!r} is no shard's evaluation: {why}",
        )
