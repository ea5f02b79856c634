"""Random graphs of convs, sums, concats and what stands between them, through the whole INT8 chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphs import build, quantized, run
from int8_runs import run_apart
from octavo.recipe import Recipe

STEPS = 12
"""Ops after which a graph ends, at most."""


class Growth:
    """A graph that grows by one op at a time, behind one of the last tensors.

    Args:
        tf: TensorFlow.
        x: the input, float32 [n, h, w, c].
        seed: what the choices are drawn from.
    """

    def __init__(self, tf: Any, x: Any, seed: int) -> None:
        self.tf = tf
        self.rng = np.random.default_rng(seed)
        self.tensors = [x]
        self.kernels: dict[tuple[int, ...], Any] = {}

    def kernel(self, *shape: int) -> np.ndarray:
        return np.asarray(self.rng.normal(size=shape) / np.sqrt(np.prod(shape[:-1])), np.float32)

    def recent(self) -> Any:
        return self.tensors[-1 - int(self.rng.integers(min(5, len(self.tensors))))]

    def maybe(self, chance: float) -> bool:
        return bool(self.rng.random() < chance)

    def conv(self, y: Any) -> Any:
        """A conv with weights of its own or of an earlier conv, a bias of one kind or none, a Relu or none."""
        size, filters = (int(self.rng.choice(n)) for n in ([1, 3], [4, 8]))
        key = (size, size, int(y.shape[3]), filters)
        if key not in self.kernels or self.maybe(0.7):
            self.kernels[key] = self.tf.constant(self.kernel(*key))
        y = self.tf.nn.conv2d(y, self.kernels[key], 1, "SAME")
        if self.maybe(0.6):
            bias = self.kernel(filters)
            y = self.tf.nn.bias_add(y, bias) if self.maybe(0.7) else y + bias.reshape(1, 1, 1, -1)
        return self.tf.nn.relu(y) if self.maybe(0.6) else y

    def depthwise(self, y: Any) -> Any:
        y = self.tf.nn.depthwise_conv2d(y, self.kernel(3, 3, int(y.shape[3]), 1), [1, 1, 1, 1], "SAME")
        return self.tf.nn.relu6(y) if self.maybe(0.7) else y

    def add(self, y: Any) -> Any:
        others = [t for t in self.tensors if t.shape[3] == y.shape[3]]
        y = y + others[int(self.rng.integers(len(others)))]
        return self.tf.nn.relu(y) if self.maybe(0.6) else y

    def concat(self, y: Any) -> Any:
        parts = [y, *(self.recent() for _ in range(int(self.rng.integers(1, 3))))]
        return self.tf.concat(parts, 3)[..., :16]

    def pad_and_slice(self, y: Any) -> Any:
        return self.tf.pad(y, [[0, 0], [1, 1], [1, 1], [0, 0]])[:, 1:-1, 1:-1, :]

    def gate(self, y: Any) -> Any:
        return y * self.tf.sigmoid(self.tf.reduce_mean(y, [1, 2], keepdims=True))

    def wait(self, y: Any) -> Any:
        with self.tf.control_dependencies([self.recent()]):
            return self.tf.identity(y)

    def pool(self, y: Any) -> Any:
        pool = self.tf.nn.max_pool2d if self.maybe(0.5) else self.tf.nn.avg_pool2d
        return pool(y, 3, 1, "SAME")

    def grow(self) -> Any:
        """The last tensor, after some ops."""
        others = [self.depthwise, self.add, self.add, self.concat, self.pad_and_slice, self.gate, self.wait, self.pool]
        for _ in range(int(self.rng.integers(4, STEPS))):
            step: Callable[[Any], Any] = self.conv if self.maybe(0.4) else others[int(self.rng.integers(len(others)))]
            self.tensors.append(step(self.recent()))
        return self.conv(self.tensors[-1])


@pytest.mark.int8
@pytest.mark.parametrize("seed", range(16))
def test_a_random_graph_stays_near_float(seed: int) -> None:
    recipe = Recipe(
        per_channel=seed % 4 != 0, equalize_weights=seed % 3 == 0, bias="qint32" if seed % 5 == 0 else "float32"
    )
    graph = build(lambda tf, x: Growth(tf, x, seed).grow(), (None, 8, 8, 4))
    x = np.random.default_rng(seed).normal(size=(2, 8, 8, 4)).astype(np.float32)
    stages = quantized(graph, x, recipe=recipe)
    (exact,), (found,) = run(graph, x), run_apart(stages.int8, x)
    assert np.sqrt(np.mean(exact**2)) > 15 * np.sqrt(np.mean((found - exact) ** 2))
