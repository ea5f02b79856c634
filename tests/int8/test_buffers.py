"""A summing conv writes over its summand: whoever else reads it must not notice, and nothing may crash."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphs import build, quantized
from octavo.graph import save_graph

SEED = 7

STRESS = """
import sys
import numpy as np
from octavo.graph import load_graph
from octavo.runtime.session import GraphSession
x = np.load(sys.argv[2])
graph = load_graph(sys.argv[1]).with_ends(["x"], ["out"])
with GraphSession(graph) as session:
    first = session.run({"x": x})[0]
    for _ in range(100):
        assert np.array_equal(session.run({"x": x})[0], first), "the result changed from run to run"
np.save(sys.argv[3], first)
"""

THREADS = """
import sys
from concurrent.futures import ThreadPoolExecutor
import numpy as np
import tensorflow as tf
with open(sys.argv[1], "rb") as file:
    graph = tf.compat.v1.GraphDef.FromString(file.read())
images = np.load(sys.argv[2])[:, None]
with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    tf.graph_util.import_graph_def(graph, name="")
    alone = [session.run("out:0", {"x:0": image}) for image in images]
    with ThreadPoolExecutor(4) as pool:
        together = pool.map(lambda n: session.run("out:0", {"x:0": images[n % len(images)]}), range(400))
        for n, found in enumerate(together):
            assert np.array_equal(found, alone[n % len(images)]), "threads disturb each other"
"""


def conv(tf: Any, x: Any, size: int, channels: int, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    shape = (size, size, int(x.shape[-1]), channels)
    kernel = rng.normal(size=shape).astype(np.float32) / np.float32(np.sqrt(np.prod(shape[:-1])))
    return tf.nn.conv2d(x, kernel, 1, "SAME")


def long_skip(tf: Any, x: Any) -> Any:
    """U-Net: the summand is read again, later than the sum."""
    y = tf.nn.relu(conv(tf, x, 3, 16, 1))
    z = tf.nn.relu(conv(tf, tf.nn.relu(conv(tf, y, 3, 16, 2)), 3, 16, 3) + y)
    return tf.nn.relu(conv(tf, tf.concat([z, y], 3), 3, 16, 4))


def two_sums_of_one_tensor(tf: Any, x: Any) -> Any:
    y = tf.nn.relu(conv(tf, x, 3, 16, 1))
    a = tf.nn.relu(conv(tf, tf.nn.relu(conv(tf, y, 3, 16, 2)), 3, 16, 3) + y)
    b = tf.nn.relu(conv(tf, tf.nn.relu(conv(tf, y, 3, 16, 4)), 3, 16, 5) + y)
    return tf.nn.relu(conv(tf, tf.concat([a, b], 3), 3, 16, 6))


def summand_is_the_input(tf: Any, x: Any) -> Any:
    y = tf.nn.relu(x)
    return tf.nn.relu(conv(tf, tf.nn.relu(conv(tf, y, 3, 8, 1)), 3, 8, 2) + y)


def summand_is_read_in_float(tf: Any, x: Any) -> Any:
    y = tf.nn.relu(conv(tf, x, 3, 16, 1))
    z = tf.nn.relu(conv(tf, tf.nn.relu(conv(tf, y, 3, 16, 2)), 3, 16, 3) + y)
    return tf.nn.relu(conv(tf, z, 3, 16, 4)) + tf.sin(y)


def chain_of_blocks(tf: Any, x: Any) -> Any:
    y = tf.nn.relu(conv(tf, x, 3, 16, 1))
    for seed in range(2, 8):
        y = tf.nn.relu(conv(tf, tf.nn.relu(conv(tf, y, 3, 16, seed)), 3, 16, 10 * seed) + y)
    return y


@pytest.mark.int8
@pytest.mark.parametrize(
    ("body", "copies"),
    [
        pytest.param(long_skip, 1, id="long_skip"),
        pytest.param(two_sums_of_one_tensor, 2, id="two_sums_of_one_tensor"),
        pytest.param(summand_is_the_input, 0, id="summand_is_the_input"),
        pytest.param(summand_is_read_in_float, 1, id="summand_is_read_in_float"),
        pytest.param(chain_of_blocks, 0, id="chain_of_blocks"),
    ],
)
def test_a_hundred_runs_agree_with_the_frozen_graph(
    body: Callable[[Any, Any], Any], copies: int, tmp_path: Path
) -> None:
    x = np.random.default_rng(SEED).normal(size=(4, 16, 16, 8)).astype(np.float32)
    stages = quantized(build(body, (None, 16, 16, 8)), x)
    assert sum(n.op == "QuantizedMaxPool" for n in stages.int8.nodes.values()) == copies
    save_graph(stages.int8, tmp_path / "int8.pb")
    np.save(tmp_path / "x.npy", x)
    command = [sys.executable, "-c", STRESS, *(str(tmp_path / name) for name in ("int8.pb", "x.npy", "y.npy"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    exact, frozen, _ = stages.outputs()
    step = np.ptp(exact) / 255
    assert np.abs(np.load(tmp_path / "y.npy") - frozen).max() <= 4 * step


@pytest.mark.parametrize("body", [long_skip, chain_of_blocks])
def test_threads_may_share_a_plain_session(body: Callable[[Any, Any], Any], tmp_path: Path) -> None:
    x = np.random.default_rng(SEED).normal(size=(4, 16, 16, 8)).astype(np.float32)
    save_graph(quantized(build(body, (None, 16, 16, 8)), x).int8, tmp_path / "int8.pb")
    np.save(tmp_path / "x.npy", x)
    command = [sys.executable, "-c", THREADS, *(str(tmp_path / name) for name in ("int8.pb", "x.npy"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
