"""Top-1 and top-5 of a graph on labelled images, in the worker process, whose every op runs on one thread.

So what a graph thinks of an image does not depend on the machine's cores, which several batches at once and several
processes put to use.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from octavo.data.dataset import open_dataset
from octavo.data.manifest import out_of
from octavo.data.parts import Parts, Plan
from octavo.data.preprocessing import preprocessing as read_preprocessing
from octavo.data.shard import Shard
from octavo.documents.evaluation import Evaluation
from octavo.documents.ranking import Ranking
from octavo.errors import GraphError, SpecError
from octavo.evaluate.shards import merge_rankings
from octavo.graph.proto import load_graph
from octavo.runtime import worker
from octavo.runtime.environment import check_graph

LOG = logging.getLogger(__name__)

SECONDS = 24 * 3600.0
"""How long an evaluation may take."""


class Request(BaseModel):
    """What the process is to do; the fields are those of `evaluate_shard`, for several shards at once."""

    graph: Path
    rankings: tuple[Path, ...]
    dataset_uri: str
    shards: tuple[Shard, ...]
    preprocessing: str
    batch_size: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    workers: int


def evaluate_file(
    graph: Path,
    *,
    dataset_uri: str,
    preprocessing: str,
    batch_size: int = 32,
    inputs: Sequence[str] = (),
    outputs: Sequence[str],
    limit: int = 0,
    workers: int = 1,
) -> Evaluation:
    """Run labelled images through a graph and count how often it is right.

    Args:
        graph: a frozen graph.
        dataset_uri: the labelled data set.
        preprocessing: a preset's name, or a preprocessing document.
        batch_size: images at once; a graph with a batch of its own runs at that.
        inputs: the inputs' names; found where left out.
        outputs: the graph's outputs; of several, the first that looks like scores for classes counts.
        limit: use the first images only; 0 for all.
        workers: processes at a time, each with a part of the images; the counts do not depend on it.

    Raises:
        OctavoError: when the graph, the data or the preprocessing cannot be used.
    """
    if limit < 0:
        raise SpecError(f"limit is {limit}; wanted 0 or more")
    images = len(open_dataset(dataset_uri, most=limit or None))
    shard = Shard(start=0, stop=min(images, limit) if limit else images)
    with tempfile.TemporaryDirectory(prefix="octavo-evaluation-") as folder:
        parts = shard.parts(workers, batch_size) if workers > 1 else [shard]
        rankings = [Path(folder, f"{part.index}.json") for part in parts]
        request = _request(graph, rankings, dataset_uri, parts, preprocessing, batch_size, inputs, outputs, workers)
        _run(request)
        return merge_files(rankings)


def evaluate_shard(
    graph: Path,
    ranking: Path,
    *,
    dataset_uri: str,
    shard: Shard,
    preprocessing: str,
    batch_size: int,
    inputs: Sequence[str] = (),
    outputs: Sequence[str],
) -> None:
    """Run a shard's images through a graph and write what it thinks of them, for `merge_files`.

    Args:
        graph: a frozen graph.
        ranking: the JSON file to write.
        dataset_uri: the labelled data set, of which only the shard is read.
        shard: one of the shards that plan_shards made.
        preprocessing: a preset's name, or a preprocessing document.
        batch_size: images at once, as the shards were planned.
        inputs: the inputs' names; found where left out.
        outputs: the graph's outputs; of several, the first that looks like scores for classes counts.

    Raises:
        OctavoError: when the graph, the data or the preprocessing cannot be used; nothing is written then.
    """
    start = time.monotonic()
    _run(_request(graph, [ranking], dataset_uri, [shard], preprocessing, batch_size, inputs, outputs, 1))
    done = out_of(shard.stop - shard.start, dataset_uri, "image")
    LOG.info("evaluated %s in %.0f s", done, time.monotonic() - start)


def merge_files(rankings: Sequence[Path]) -> Evaluation:
    """Judge the images of all shards. Raises DataError as `Ranking.read` and `merge_rankings` do."""
    return merge_rankings([Ranking.read(path) for path in rankings])


def merge_parts(folder: str, evaluations: Path) -> dict[str, Evaluation]:
    """Judge the images of all shards of a loop, by each graph, or take what was judged before.

    Args:
        folder: the URI of the loop's folder, in which evaluate_shard left its rankings.
        evaluations: the folder to write: a JSON file for each graph, named after it.

    Raises:
        DataError: when a shard has left none, which the message names, or as `merge_files` does.
        StorageError: when the store cannot be reached or refuses.
    """
    parts = Parts(folder)
    plan = parts.plan()
    evaluations.mkdir(parents=True, exist_ok=True)
    return {kind: _merged(parts, plan, kind, evaluation_file(evaluations, kind)) for kind in plan.kinds}


def evaluation_file(evaluations: Path, graph: str) -> Path:
    """Where `merge_parts` writes the accuracy of a graph."""
    return evaluations / f"{graph}.json"


def _merged(parts: Parts, plan: Plan, kind: str, target: Path) -> Evaluation:
    if parts.settled(kind, target):
        LOG.info("took what an earlier run has found of the %s graph", kind.upper())
        return Evaluation.read(target)
    with tempfile.TemporaryDirectory(prefix="octavo-rankings-") as gathered:
        found = merge_files(parts.gather(kind, plan.shards, Path(gathered)))
    found.write(target)
    parts.settle(kind, target)
    return found


def _request(
    graph: Path,
    rankings: Sequence[Path],
    dataset_uri: str,
    shards: Sequence[Shard],
    preprocessing: str,
    batch_size: int,
    inputs: Sequence[str],
    outputs: Sequence[str],
    workers: int,
) -> Request:
    if not outputs:
        raise SpecError("the graph's output is not named; wanted the tensor that holds the classes' scores")
    read_preprocessing(preprocessing)
    return Request(
        graph=graph,
        rankings=tuple(rankings),
        dataset_uri=dataset_uri,
        shards=tuple(shards),
        preprocessing=preprocessing,
        batch_size=batch_size,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        workers=workers,
    )


def _run(request: Request) -> None:
    check_graph(load_graph(request.graph).with_ends((), request.outputs))
    try:
        worker.call("octavo.evaluate.worker:write_rankings", request.model_dump_json(), timeout=SECONDS)
    except worker.WorkerDiedError as fault:
        raise GraphError(f"the evaluation broke off: {fault}") from fault
