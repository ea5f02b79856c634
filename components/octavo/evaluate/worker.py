"""What the worker process does of an evaluation."""

from __future__ import annotations

import time
from functools import partial

import numpy as np

from octavo.data.batches import Batch, batches
from octavo.data.dataset import open_dataset
from octavo.data.inputs import model_inputs
from octavo.data.preprocessing import preprocessing
from octavo.data.shard import Shard
from octavo.documents.ranking import Ranking
from octavo.errors import DataError, GraphError
from octavo.evaluate.evaluate import Request
from octavo.evaluate.scores import Scored, scored_output
from octavo.files import write_atomically
from octavo.graph.proto import load_graph
from octavo.graph.tensors import Array
from octavo.runtime.forks import TaskDiedError, run_forked
from octavo.runtime.in_order import cores, in_order
from octavo.runtime.session import GraphSession

BATCHES_AT_ONCE = 4
"""Batches in the graph at a time, at most: memory is bounded by it."""


def write_rankings(text: str) -> None:
    """Evaluate shards in forks of this process, and write what the graph thinks of each, whole or not at all.

    Args:
        text: a `Request` as JSON.

    Raises:
        OctavoError: as `evaluate_shard` does.
    """
    request = Request.model_validate_json(text)
    tasks = [partial(_write_ranking, request, number) for number in range(len(request.shards))]
    for number, fault in sorted(run_forked(tasks, at_once=request.workers).items()):
        shard = request.shards[number]
        if isinstance(fault, TaskDiedError):
            raise GraphError(f"the evaluation of the images {shard.start} to {shard.stop - 1} broke off: {fault}")
        raise fault


def _write_ranking(request: Request, number: int) -> None:
    write_atomically(request.rankings[number], _ranked(request, request.shards[number]).model_dump_json())


def _ranked(request: Request, shard: Shard) -> Ranking:
    graph = load_graph(request.graph).with_ends((), request.outputs)
    settings = preprocessing(request.preprocessing)
    dataset = open_dataset(request.dataset_uri)
    shard.check(len(dataset), dataset.uri)
    taken = model_inputs(graph, request.inputs)
    step = taken.steps(request.batch_size)
    drawn = batches(dataset, settings, start=shard.start, stop=shard.stop, batch_size=step, inputs=taken)
    best: list[Array] = []
    labels: list[Array] = []
    seconds: list[float] = []
    classes, scored = 0, Scored(0)
    with GraphSession(graph) as session:

        def run(batch: Batch) -> tuple[Batch, Scored, Array, float]:
            begin = time.perf_counter()
            values = session.run(taken.feed(batch))
            took = time.perf_counter() - begin
            scored = scored_output(graph, values)
            return batch, scored, values[scored.place], took

        at_once = max(1, cores() // request.workers)
        for batch, scored, values, took in in_order(run, drawn, at_once=min(BATCHES_AT_ONCE, at_once)):
            scores = _scores(values, graph.outputs[scored.place])[: len(batch)]
            classes = scores.shape[1]
            best.append(np.argsort(-scores, axis=1, kind="stable")[:, :5])
            labels.append(_labels(batch, dataset.uri))
            seconds.append(took)
    return Ranking(
        start=shard.start,
        stop=shard.stop,
        best=np.concatenate(best).tolist(),
        labels=np.concatenate(labels).tolist(),
        classes=classes,
        label_offset=settings.label_offset,
        batch_size=step,
        seconds=sum(seconds[1:] or seconds),
        output=graph.outputs[scored.place],
        outputs=len(graph.outputs),
        rivals=list(scored.rivals),
    )


def _labels(batch: Batch, uri: str) -> Array:
    if batch.labels is None:
        raise DataError(
            f"the data set {uri!r} has no labels; wanted labels.csv, a folder for each class, or y in the .npz file"
        )
    return batch.labels


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
