"""Top-1 and top-5 of a graph on labelled images."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from octavo.data.batches import batches
from octavo.data.dataset import Dataset, Labels, open_dataset
from octavo.data.image_input import ImageInput, image_input
from octavo.data.preprocessing import Preprocessing
from octavo.data.preprocessing import preprocessing as read_preprocessing
from octavo.errors import DataError, GraphError, SpecError
from octavo.graph.graph import Graph
from octavo.graph.proto import load_graph
from octavo.graph.tensors import Array
from octavo.runtime.environment import check_graph
from octavo.runtime.session import GraphSession

WITH_BACKGROUND = 1001
"""Classes of a graph that was trained on ImageNet's 1000 and one for anything else, in front of them."""


class Evaluation(BaseModel):
    """How often a graph is right.

    Attributes:
        images: how many were judged.
        classes: how many the graph tells apart.
        top1: percent whose best class is the label.
        top5: percent whose label is among the best five classes, or among all where there are fewer.
        correct1: images behind `top1`.
        correct5: images behind `top5`.
        predictions: the best class of each image, in the data set's order, as the graph counts classes.
        label_offset: the graph's class of label 0.
        batch_size: images that went through the graph at once.
        seconds: time spent in the graph, the first run left out where there are more.
    """

    model_config = ConfigDict(frozen=True)

    images: int
    classes: int
    top1: float
    top5: float
    correct1: int
    correct5: int
    predictions: list[int]
    label_offset: int
    batch_size: int
    seconds: float


def evaluate_file(
    graph: Path,
    *,
    dataset_uri: str,
    preprocessing: str,
    batch_size: int = 32,
    inputs: Sequence[str] = (),
    outputs: Sequence[str],
    limit: int = 0,
) -> Evaluation:
    """Run labelled images through a graph and count how often it is right.

    Args:
        graph: a frozen graph.
        dataset_uri: the labelled data set.
        preprocessing: a preset's name, or a preprocessing document.
        batch_size: images at once; a graph with a batch of its own runs at that.
        inputs: the image input's name; found where left out.
        outputs: the name of the classes' scores; of several, the first counts.
        limit: use the first images only; 0 for all.

    Raises:
        OctavoError: when the graph, the data or the preprocessing cannot be used.
    """
    if not outputs:
        raise SpecError("the graph's output is not named; wanted the tensor that holds the classes' scores")
    if limit < 0:
        raise SpecError(f"limit is {limit}; wanted 0 or more")
    settings = read_preprocessing(preprocessing)
    dataset = open_dataset(dataset_uri)
    labels = _labels(dataset, limit)
    loaded = load_graph(graph).with_ends((), outputs[:1])
    check_graph(loaded)
    taken = image_input(loaded, inputs)
    ranking = _rank(loaded, taken, dataset, settings, stop=len(labels), batch_size=taken.steps(batch_size))
    return _judged(ranking, labels, settings.label_offset)


@dataclass(frozen=True)
class Ranking:
    """What a graph thinks of some images.

    Args:
        best: int64 [images, 5 or fewer], the classes from the best downwards.
        classes: how many the graph tells apart.
        batch_size: images that went through the graph at once.
        seconds: see `Evaluation`.
    """

    best: Array
    classes: int
    batch_size: int
    seconds: float


def _labels(dataset: Dataset, limit: int) -> Labels:
    if dataset.labels is None:
        raise DataError(
            f"the data set {dataset.uri!r} has no labels; wanted labels.csv, a folder for each class, or y in the .npz "
            "file"
        )
    return dataset.labels[:limit] if limit else dataset.labels


def _rank(
    graph: Graph, taken: ImageInput, dataset: Dataset, settings: Preprocessing, *, stop: int, batch_size: int
) -> Ranking:
    best, seconds, classes = [], [], 0
    drawn = batches(
        dataset,
        settings,
        start=0,
        stop=stop,
        batch_size=batch_size,
        image_size=taken.size,
        channels=taken.channels,
    )
    with GraphSession(graph) as session:
        for batch in drawn:
            begin = time.perf_counter()
            (values,) = session.run(taken.feed(batch.images))
            seconds.append(time.perf_counter() - begin)
            scores = _scores(values, graph.outputs[0])[: len(batch)]
            classes = scores.shape[1]
            best.append(np.argsort(-scores, axis=1, kind="stable")[:, :5])
    return Ranking(np.concatenate(best), classes, batch_size, sum(seconds[1:] or seconds))


def _scores(values: Array, output: str) -> Array:
    """The scores as [images, classes]; axes of one element, which a fully convolutional graph leaves, are dropped."""
    if values.ndim < 2 or values.dtype.kind != "f" or values.size // len(values) < 2:
        raise GraphError(
            f"the output {output!r} is {values.dtype} {list(values.shape)}; wanted scores as [images, classes]"
        )
    scores = values.reshape(len(values), -1)
    if not np.isfinite(scores).all():
        raise GraphError(f"the output {output!r} holds NaN or infinity; check the graph and the preprocessing")
    return scores


def _judged(ranking: Ranking, labels: Labels, label_offset: int | None) -> Evaluation:
    offset = _offset(ranking.classes, labels) if label_offset is None else label_offset
    wanted = labels + offset
    if wanted.max() >= ranking.classes or wanted.min() < 0:
        raise DataError(
            f"the labels are {labels.min()} to {labels.max()} and label 0 is the class {offset}, but the graph tells "
            f"{ranking.classes} classes apart; check the data set and the preprocessing's label_offset"
        )
    correct1 = int(np.count_nonzero(ranking.best[:, 0] == wanted))
    correct5 = int(np.count_nonzero(ranking.best == wanted[:, None]))
    return Evaluation(
        images=len(labels),
        classes=ranking.classes,
        top1=100 * correct1 / len(labels),
        top5=100 * correct5 / len(labels),
        correct1=correct1,
        correct5=correct5,
        predictions=ranking.best[:, 0].tolist(),
        label_offset=offset,
        batch_size=ranking.batch_size,
        seconds=ranking.seconds,
    )


def _offset(classes: int, labels: Labels) -> int:
    """1 where the graph has a background class that the labels do not count."""
    return int(classes == WITH_BACKGROUND and labels.max() < WITH_BACKGROUND - 1)
