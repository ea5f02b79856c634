"""INT8 graphs run in a process of their own, which a wrong one may kill."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest

from octavo.graph import Graph, load_graph, save_graph
from octavo.graph.tensors import Array
from octavo.runtime import worker
from octavo.runtime.session import GraphSession


def run_apart(graph: Graph, x: Array) -> list[Array]:
    """The graph's outputs for one input, computed in the worker process.

    Raises:
        GraphError: when the graph cannot be loaded, fails to run, or kills the process that runs it.
    """
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
        patch.setenv("PYTHONPATH", path)
        save_graph(graph, Path(folder) / "graph.pb")
        np.save(Path(folder) / "x.npy", x)
        worker.call("int8_runs:run_saved", json.dumps([folder, graph.inputs, graph.outputs]))
        with np.load(Path(folder) / "outputs.npz") as outputs:
            return [outputs[f"arr_{number}"] for number in range(len(outputs))]


def run_saved(request: str) -> None:
    """What the worker does: run the graph of a folder on the folder's input and leave the outputs there."""
    folder, inputs, outputs = json.loads(request)
    graph = load_graph(Path(folder) / "graph.pb").with_ends(inputs, outputs)
    with GraphSession(graph, threads=1) as session:
        values = session.run({graph.inputs[0]: np.load(Path(folder) / "x.npy")})
    np.savez(Path(folder) / "outputs.npz", *values)
