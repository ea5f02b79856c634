"""The first run of a candidate graph, in a process of its own: a wrong attribute can abort the process that runs it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from octavo.errors import GraphError
from octavo.graph.graph import Graph
from octavo.graph.proto import load_graph, save_graph
from octavo.runtime import worker
from octavo.runtime.environment import check_kernels_of
from octavo.runtime.session import GraphSession, placeholder_dtype, placeholder_shape


def run_once(graph: Graph) -> None:
    """Load a graph and run it once on seeded input, in the worker process.

    Inputs and outputs that the graph does not name are found: every Placeholder is fed, every node that nobody reads is
    fetched. Unknown batch dimensions are fed with 1.

    Raises:
        GraphError: when the graph cannot be loaded, fails to run, or kills the process that runs it.
        EnvironmentFault: when this TensorFlow cannot run the graph's INT8 ops.
    """
    check_kernels_of(graph)
    graph = _with_found_ends(graph)
    with tempfile.TemporaryDirectory(prefix="octavo-trial-") as folder:
        path = Path(folder) / "graph.pb"
        save_graph(graph, path)
        try:
            worker.call("octavo.runtime.trial:run_file", json.dumps([str(path), graph.inputs, graph.outputs]))
        except worker.WorkerDiedError as fault:
            raise GraphError(f"the graph kills the process that runs it: {fault}") from fault


def run_file(request: str) -> None:
    """Run a graph file once in this process; the request is JSON: path, inputs, outputs. Raises as `run_once` does."""
    path, inputs, outputs = json.loads(request)
    graph = load_graph(path).with_ends(inputs, outputs)
    with GraphSession(graph, threads=1, optimizer="once") as session:
        session.run(sample_feeds(graph))


def sample_feeds(graph: Graph, *, batch: int = 1) -> dict[str, Any]:
    """Seeded input for every input of a graph: floats in [0, 1), integers in 0..1.

    Raises:
        GraphError: when an input's shape has an unknown dimension other than the first.
    """
    import numpy as np

    rng = np.random.default_rng(0)
    feeds = {}
    for name in graph.inputs:
        shape = placeholder_shape(graph, name)
        if shape is None or None in shape[1:]:
            raise GraphError(f"the input {name!r} has the shape {shape}; wanted every dimension but the first known")
        size = [batch if n is None else n for n in shape]
        dtype = np.dtype(placeholder_dtype(graph, name).removeprefix("q"))  # the codes of a quint8 are uint8
        values = rng.random(size) if dtype.kind == "f" else rng.integers(0, 2, size)
        feeds[name] = values.astype(dtype)
    return feeds


def _with_found_ends(graph: Graph) -> Graph:
    nodes = graph.nodes.values()
    inputs = graph.inputs or tuple(n.name for n in nodes if n.op == "Placeholder")
    unread = tuple(
        n.name for n in nodes if not graph.consumers[n.name] and n.op not in {"NoOp", "Const", "Placeholder"}
    )
    return graph.with_ends(inputs, graph.outputs or unread)
