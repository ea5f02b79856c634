"""Serve a graph in TensorFlow."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from octavo.graph.proto import load_graph, to_def
from octavo.runtime.session import full_name
from octavo.tensorflow import CALLER_THREAD, import_tensorflow
from serving import serve


def main() -> None:
    """Load the graph into a session with TensorFlow's own settings, or others, and serve it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("graph", type=Path)
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--at-once", default=1, type=int)
    parser.add_argument("--threads", default=0, type=int)
    parser.add_argument("--parts", default=0, type=int)
    parser.add_argument("--in-caller", action="store_true")
    given = parser.parse_args()
    if given.in_caller:
        os.environ[CALLER_THREAD] = "1"
    ends = json.loads((given.folder / "ends.json").read_text())
    tf = import_tensorflow()
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(to_def(load_graph(given.graph)), name="")
    config = tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=1 if given.parts else given.threads,
        inter_op_parallelism_threads=given.parts or (-1 if given.in_caller else given.at_once if given.threads else 0),
    )
    session = tf.compat.v1.Session(graph=graph, config=config)
    serve(session.make_callable(full_name(ends["output"]), [full_name(ends["input"])]), given.at_once)


if __name__ == "__main__":
    main()
