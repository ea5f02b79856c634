"""Modes weights and weights_rounded: each constant off by half a step at most, everything else as it was."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs import build, run
from octavo.errors import SpecError
from octavo.generic_eightbit.codes import check_values, encode, nudged, range_of
from octavo.generic_eightbit.weights import quantize_array, quantize_weights, round_weights
from octavo.graph import Graph, Node, const_node, const_value, to_def
from octavo.graph.attrs import DType, TensorShape

SIZES = st.lists(st.integers(1, 12), min_size=2, max_size=4)
SCALES = st.sampled_from([1e-20, 1e-4, 1.0, 1e4, 1e20])
OFFSETS = st.sampled_from([-20.0, -1.0, 0.0, 1.0, 20.0])


def floats(values: list[Any]) -> np.ndarray:
    return np.array(values, np.float32)


def layers(sizes: list[int], offset: float, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights and bias of each layer of a chain."""
    rng = np.random.default_rng(seed)
    return [
        ((rng.normal(size=p) + offset).astype(np.float32), rng.normal(size=p[1]).astype(np.float32))
        for p in pairwise(sizes)
    ]


def chain(parts: list[tuple[np.ndarray, np.ndarray]]) -> Graph:
    """Relu(x W + b), layer behind layer; its constants are called w0, b0, w1 and so on."""

    def body(tf: Any, x: Any) -> Any:
        for number, (weights, bias) in enumerate(parts):
            w, b = tf.constant(weights, name=f"w{number}"), tf.constant(bias, name=f"b{number}")
            x = tf.nn.relu(tf.nn.bias_add(tf.matmul(x, w), b))
        return x

    return build(body, (None, parts[0][0].shape[0]))


def error_bound(parts: list[tuple[np.ndarray, np.ndarray]], x: np.ndarray, halves: dict[str, float]) -> np.ndarray:
    """How far a chain's output may be off when each constant is off by the half step that is given for it.

    |x'W' + b' - (xW + b)| <= |x' - x| (|W| + half) + |x| half + half of b; a Relu adds nothing.
    """
    off = np.zeros_like(x, np.float64)
    values = x.astype(np.float64)
    for number, (weights, bias) in enumerate(parts):
        half = np.full(weights.shape, halves[f"w{number}"])
        off = off @ (np.abs(weights) + half) + np.abs(values) @ half + halves[f"b{number}"]
        values = np.maximum(values @ weights + bias, 0)
    return off + 1e-4 * (np.abs(values) + off) + 1e-6


@settings(max_examples=8)
@given(sizes=SIZES, offset=OFFSETS, seed=st.integers(0, 999), mode=st.sampled_from(["weights", 1, 4, 8, 12]))
def test_a_chain_of_layers_is_off_by_no_more_than_its_steps_allow(
    sizes: list[int], offset: float, seed: int, mode: str | int
) -> None:
    parts = layers(sizes, offset, seed)
    graph = chain(parts)
    changed, _ = round_weights(graph, mode) if isinstance(mode, int) else quantize_weights(graph)
    constants = {f"{kind}{n}": array for n, pair in enumerate(parts) for kind, array in zip("wb", pair, strict=True)}
    halves = {}
    for name, array in constants.items():
        least, most = (min(array.min(), 0), max(array.max(), 0)) if mode == "weights" else (array.min(), array.max())
        halves[name] = (most - least) / (510 if mode == "weights" else 2 ** (int(mode) + 1))
    x = np.random.default_rng(seed).normal(size=(3, sizes[0])).astype(np.float32)
    exact, *found = run(graph, x)[0], *run(changed, x, ("out", *constants))
    for (name, array), stored in zip(constants.items(), found[1:], strict=True):
        assert np.abs(stored - array).max() <= halves[name] * (1 + 1e-4) + 1e-6 * np.abs(array).max()
    assert np.all(np.abs(found[0] - exact) <= error_bound(parts, x, halves))


@settings(max_examples=200)
@given(scale=SCALES, offset=OFFSETS, seed=st.integers(0, 2**16), zeros=st.booleans())
def test_codes_say_each_number_within_half_a_step_and_zero_exactly(
    scale: float, offset: float, seed: int, zeros: bool
) -> None:
    values = (scale * (np.random.default_rng(seed).normal(size=50) + offset)).astype(np.float32)
    if zeros:
        values[::3] = 0
    span = range_of(values)
    step = (span.high - span.low) / 255
    said = span.low + encode(values, span) * step
    assert np.abs(said - values).max() <= step / 2 * (1 + 1e-9)
    assert np.all(np.abs(said[values == 0]) <= 1e-9 * step)


@pytest.mark.parametrize("values", [[0.0], [5.0], [-5.0], [3.0, 3.0], [1e-8], [-1e30]])
def test_constants_of_one_number_are_exact(values: list[float]) -> None:
    array = np.array(values, np.float32)
    span = range_of(array)
    assert np.allclose(span.low + encode(array, span) * (span.high - span.low) / 255, array, rtol=1e-6, atol=0)


@pytest.mark.parametrize(("low", "high"), [(-1.0, 2.0), (0.0, 6.0), (1.0, 3.0), (-3.0, -1.0), (-0.1, 25.4)])
def test_a_range_is_moved_as_fake_quant_moves_it(low: float, high: float) -> None:
    import tensorflow as tf

    at_ends = tf.quantization.fake_quant_with_min_max_args(floats([-100, 100]), low, high).numpy()
    span = nudged(low, high)
    assert np.allclose([span.low, span.high], at_ends, atol=1e-6)


@settings(max_examples=200)
@given(buckets=st.integers(1, 300), seed=st.integers(0, 2**16), scale=SCALES)
def test_rounded_arrays_have_few_numbers_each_near_its_own(buckets: int, seed: int, scale: float) -> None:
    values = (scale * np.random.default_rng(seed).normal(size=(7, 5))).astype(np.float32)
    rounded = quantize_array(values, buckets)
    half = (float(values.max()) - float(values.min())) / buckets / 2
    assert len(np.unique(rounded)) <= buckets
    assert rounded.dtype == np.float32
    assert np.abs(rounded - values).max() <= half + 1e-6 * np.abs(values).max()


def with_constants(**arrays: np.ndarray) -> Graph:
    """A graph that fetches constants."""
    nodes = [const_node(name, array) for name, array in arrays.items()]
    return Graph({n.name: n for n in nodes}).with_ends([], list(arrays))


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((0, 3), np.float32), "it is empty"),
        (floats([1, np.nan, np.inf]), "2 of its 3 values are NaN or infinite"),
        (floats([-3e38, 3e38]), "wider than a float32 can say"),
    ],
    ids=["empty", "nan", "wide"],
)
def test_what_has_no_codes_stays_float_with_the_reason(array: np.ndarray, reason: str) -> None:
    graph = with_constants(odd=array, even=floats([1, 2]))
    for changed, decisions in (quantize_weights(graph), round_weights(graph, 8)):
        assert changed.nodes["odd"] is graph.nodes["odd"]
        assert [d.reason for d in decisions if d.verdict == "FP32"] == [decisions[-1].reason]
        assert reason in str(decisions[-1].reason)
    check_values(floats([-3e38, 0]), Node("w", "Const"))


def test_integers_doubles_and_strings_stay_as_they_are() -> None:
    arrays: dict[str, np.ndarray] = {"i": np.arange(3, dtype=np.int32), "d": np.ones(2), "b": np.array([True])}
    graph = with_constants(**arrays)
    for changed, decisions in (quantize_weights(graph), round_weights(graph, 4)):
        assert changed.nodes == graph.nodes
        assert decisions == []


def test_a_quarter_of_the_bytes_and_the_same_bytes_each_time() -> None:
    graph = with_constants(w=np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32))
    first, second = (to_def(quantize_weights(graph)[0]).SerializeToString(deterministic=True) for _ in range(2))
    assert first == second
    assert len(first) < 0.3 * to_def(graph).ByteSize()


def test_device_and_control_inputs_go_with_the_constant() -> None:
    """A constant in the body of a loop has a control input that puts it there."""
    start = Node("start", "NoOp")
    const = replace(const_node("w", floats([1, 2])), inputs=("^start",), device="/CPU:0")
    graph = Graph({"start": start, "w": const}).with_ends([], ["w"])
    changed, _ = quantize_weights(graph)
    consts = [n for n in changed.nodes.values() if n.op == "Const"]
    assert [(n.inputs, n.device) for n in consts] == [(("^start",), "/CPU:0")] * 3
    assert changed.nodes["w"].device == "/CPU:0"
    rounded = round_weights(graph, 1)[0].nodes["w"]
    assert (rounded.inputs, rounded.device) == (("^start",), "/CPU:0")
    assert const_value(rounded).tolist() == [1.25, 1.75]


def test_what_no_output_needs_goes_and_inputs_stay() -> None:
    nodes = [Node("x", "Placeholder", (), {"dtype": DType("float32"), "shape": TensorShape((2,))})]
    nodes += [const_node("w", floats([1, 2])), const_node("unused", floats([1, 2]))]
    nodes.append(Node("out", "AddV2", ("x", "w"), {"T": DType("float32")}))
    graph = Graph({n.name: n for n in nodes}).with_ends(["x"], ["out"])
    assert list(round_weights(graph, 8)[0].nodes) == ["x", "w", "out"]


def test_constants_inside_functions_are_listed_as_they_are() -> None:
    def body(tf: Any, x: Any) -> Any:
        return tf.cond(tf.reduce_sum(x) > 0, lambda: x * np.float32(2), lambda: x * np.float32(3))

    graph = build(body, (None, 2))
    changed, decisions = quantize_weights(graph)
    inside = [d for d in decisions if "inside the function" in str(d.reason)]
    assert len(inside) == 2
    x = floats([[1, 2]])
    assert np.allclose(run(changed, x)[0], run(graph, x)[0])


@pytest.mark.parametrize("bits", [-1, 25])
def test_bit_depths_beyond_a_float_are_refused(bits: int) -> None:
    with pytest.raises(SpecError, match=f"--bitdepth is {bits}; wanted 0 to 24"):
        round_weights(with_constants(w=floats([1])), bits)


def test_a_name_that_is_taken_is_an_error_that_names_it() -> None:
    from octavo.errors import GraphError

    graph = with_constants(w=floats([1, 2]), w_min=floats([0]))
    with pytest.raises(GraphError, match="already has a node named 'w_min'"):
        quantize_weights(graph)
