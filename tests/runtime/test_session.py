"""A session that several threads run at once."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from graphs import build
from octavo.graph import save_graph

THREADS, RUNS = 4, 500

STRESS = """
import sys
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from octavo.graph import load_graph
from octavo.runtime.session import GraphSession
graph = load_graph(sys.argv[1]).with_ends(["x"], ["out"])
images = np.load(sys.argv[2])
threads, runs = int(sys.argv[3]), int(sys.argv[4])
with GraphSession(graph, optimizer="fusion", in_caller=True) as session:
    alone = [session.run({"x": image})[0] for image in images]
    with ThreadPoolExecutor(threads) as pool:
        together = pool.map(lambda n: session.run({"x": images[n % 2]})[0], range(runs))
        wrong = sum(not np.array_equal(found, alone[n % 2]) for n, found in enumerate(together))
print(wrong)
"""


def sums_whose_summands_are_read_again(tf: Any, x: Any) -> Any:
    """Convs that TensorFlow fuses with an Add, where they may not overwrite the summand and so copy it.

    The Pad is there since TensorFlow fuses Adds only in graphs that hold a pattern for which it infers shapes.
    """
    rng = np.random.default_rng(7)

    def conv(data: Any, padding: str = "SAME") -> Any:
        weights = rng.normal(size=(3, 3, 8, 8)).astype(np.float32) / np.float32(8)
        return tf.nn.bias_add(tf.nn.conv2d(data, weights, 1, padding), np.ones(8, np.float32))

    y = tf.nn.relu(conv(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]), "VALID"))
    summands = []
    for _ in range(24):
        summands.append(y)
        y = tf.nn.relu(conv(tf.nn.relu(conv(y))) + y)
    return tf.add_n([y, *summands])


def test_threads_that_run_one_graph_at_once_find_what_each_finds_alone(tmp_path: Path) -> None:
    save_graph(build(sums_whose_summands_are_read_again, (2, 16, 16, 8)), tmp_path / "graph.pb")
    np.save(tmp_path / "x.npy", np.random.default_rng(1).normal(size=(2, 2, 16, 16, 8)).astype(np.float32))
    (tmp_path / "stress.py").write_text(STRESS)
    files = [str(tmp_path / name) for name in ("stress.py", "graph.pb", "x.npy")]

    done = subprocess.run(
        [sys.executable, *files, str(THREADS), str(RUNS)], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout.strip()) == (0, "0"), done.stderr[-2000:]
