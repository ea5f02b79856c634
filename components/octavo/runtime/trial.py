"""The first run of a candidate graph, in a process of its own: a wrong attribute can abort the process that runs it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from octavo.errors import GraphError, OctavoError
from octavo.graph.graph import Graph
from octavo.graph.proto import load_graph, save_graph
from octavo.runtime.environment import check_kernels_of
from octavo.runtime.session import GraphSession, placeholder_dtype, placeholder_shape

TIMEOUT_SECONDS = 300


def run_once(graph: Graph) -> None:
    """Load a graph and run it once on seeded input, in a subprocess.

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
        command = [sys.executable, "-m", "octavo.runtime.trial", str(path), json.dumps([graph.inputs, graph.outputs])]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise GraphError(f"the trial run of the graph did not end within {TIMEOUT_SECONDS} s") from None
    if done.returncode == 0:
        return
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise GraphError(f"the graph kills the process that runs it ({name}): {_last_line(done.stderr)}")
    raise GraphError(f"the graph does not run: {_last_line(done.stderr)}")


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
        dtype = np.dtype(placeholder_dtype(graph, name))
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


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:400] if lines else "it said nothing"


def _main(path: str, ends: str) -> int:
    graph = load_graph(path).with_ends(*json.loads(ends))
    try:
        with GraphSession(graph, threads=1) as session:
            session.run(sample_feeds(graph))
    except OctavoError as fault:
        print(fault, file=sys.stderr)  # noqa: T201  the parent reads this line
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1], sys.argv[2]))
