from dataclasses import replace

import numpy as np
import pytest

from examples import example, random, values
from octavo.errors import SpecError
from octavo.graph import Graph, const_value
from octavo.graph.tensors import Array, const_dtype
from octavo.graph.text import to_text
from octavo.transform_graph.transforms.quantize_weights import quantize_weights
from octavo.transform_graph.transforms.round_weights import round_weights

WEIGHTS = random(40, 30, seed=3) * np.float32(0.7) + np.float32(0.1)


def graph_of(weights: Array, text: str = "y = MatMul(x, w)", outputs: tuple[str, ...] = ("y",)) -> Graph:
    consts = {"w": weights}
    return example(f"x = Placeholder() shape=<?,40>\n{text}", inputs=("x",), outputs=outputs, consts=consts)


def weights_of(graph: Graph) -> Array:
    return values(graph, {}, ["w"])[0]


@pytest.mark.parametrize(
    "weights",
    [
        pytest.param(WEIGHTS, id="both_signs"),
        pytest.param(np.abs(WEIGHTS) + np.float32(0.5), id="positive"),
        pytest.param(-np.abs(WEIGHTS) - np.float32(0.5), id="negative"),
        pytest.param(np.full((40, 30), 0.25, np.float32), id="one_positive_value"),
        pytest.param(np.full((40, 30), -0.25, np.float32), id="one_negative_value"),
        pytest.param(np.zeros((40, 30), np.float32), id="zeros"),
    ],
)
def test_each_weight_moves_by_half_a_step_at_most(weights: Array) -> None:
    after = quantize_weights(graph_of(weights))
    assert [const_dtype(after.nodes[f"w_quantized_{n}"]) for n in ("const", "min", "max")] == [
        "quint8",
        *["float32"] * 2,
    ]
    step = (max(weights.max(), 0) - min(weights.min(), 0)) / 255
    np.testing.assert_allclose(weights_of(after), weights, rtol=0, atol=step / 2 * 1.001)
    assert quantize_weights(after) == after


def test_zero_stays_zero() -> None:
    weights = WEIGHTS.copy()
    weights[::3] = 0
    assert not weights_of(quantize_weights(graph_of(weights)))[::3].any()


def test_the_output_is_that_of_the_moved_weights() -> None:
    before = graph_of(WEIGHTS)
    after = quantize_weights(before)
    x = random(5, 40, seed=9)
    step = (WEIGHTS.max() - WEIGHTS.min()) / 255
    [old], [new] = values(before, {"x": x}), values(after, {"x": x})
    assert np.abs(new - old).max() <= np.abs(x).sum(1).max() * step / 2
    np.testing.assert_allclose(new, x @ weights_of(after), atol=1e-4)


def test_all_readers_and_a_graph_output_read_the_floats() -> None:
    before = graph_of(WEIGHTS, "y = MatMul(x, w)\nz = Neg(w)", outputs=("y", "z", "w"))
    after = quantize_weights(before)
    assert after.outputs == ("y", "z", "w")
    assert (after.nodes["z"], after.nodes["y"]) == (before.nodes["z"], before.nodes["y"])


def test_the_new_nodes_wait_for_what_the_const_waited_for() -> None:
    before = graph_of(WEIGHTS, "init = NoOp()\ny = MatMul(x, w)")
    waiting = replace(before.nodes["w"], inputs=("^init",), device="/device:CPU:0")
    after = quantize_weights(replace(before, nodes={**before.nodes, "w": waiting}))
    made = [node for name, node in after.nodes.items() if name.startswith("w")]
    assert [node.control_inputs for node in made] == [("^init",)] * 4
    assert {node.device for node in made} == {"/device:CPU:0"}


def test_names_that_are_taken_are_passed_over() -> None:
    after = quantize_weights(graph_of(WEIGHTS, "w_quantized_min = NoOp()\ny = MatMul(x, w)"))
    assert after.nodes["w"].inputs == ("w_quantized_const", "w_quantized_min_1", "w_quantized_max")


@pytest.mark.parametrize(
    "weights",
    [
        pytest.param(WEIGHTS[:1], id="small"),
        pytest.param(WEIGHTS.astype(np.float64), id="float64"),
        pytest.param(np.where(WEIGHTS > 0.5, np.float32(np.nan), WEIGHTS), id="nan"),
        pytest.param(np.where(WEIGHTS > 0.5, np.float32(np.inf), WEIGHTS), id="infinity"),
    ],
)
def test_other_consts_stay(weights: Array) -> None:
    graph = graph_of(weights, "y = Neg(x)")
    assert quantize_weights(graph) == graph
    assert round_weights(graph_of(weights[:0])) == graph_of(weights[:0])


def test_the_smallest_size_may_be_said() -> None:
    assert "w_quantized_const" in quantize_weights(graph_of(WEIGHTS[:2]), minimum_size=60).nodes
    assert "w_quantized_const" not in quantize_weights(graph_of(WEIGHTS[:2]), minimum_size=61).nodes


def test_what_the_caller_feeds_and_what_a_quantized_op_reads_stay() -> None:
    fed = graph_of(WEIGHTS).with_ends(("x", "w"), ("y",))
    assert quantize_weights(fed) == round_weights(fed) == fed
    graph = graph_of(WEIGHTS, "lo = Const() value=float32<>[0]\nq = QuantizeV2(w, lo, lo) T=quint8", outputs=("q",))
    assert quantize_weights(graph) == graph


@pytest.mark.parametrize("weights", [WEIGHTS, -np.abs(WEIGHTS) - 1, WEIGHTS.astype(np.float64)])
@pytest.mark.parametrize("steps", [1, 7, 256])
def test_rounding_leaves_the_middles_of_the_buckets(weights: Array, steps: int) -> None:
    after = round_weights(graph_of(weights), num_steps=steps)
    rounded = const_value(after.nodes["w"])
    if weights.dtype == np.float64:
        np.testing.assert_array_equal(rounded, weights)
        return
    width = (float(weights.max()) - float(weights.min())) / steps
    assert np.unique(rounded).size <= steps
    np.testing.assert_allclose(rounded, weights, rtol=0, atol=width / 2 * 1.001)
    assert rounded.max() < weights.max()
    assert round_weights(after, num_steps=steps) == after


def test_rounding_leaves_small_and_constant_consts_alone() -> None:
    for weights in (WEIGHTS[0, :15], np.full((4, 4), 0.3, np.float32), np.where(WEIGHTS > 0.5, np.nan, WEIGHTS)):
        graph = graph_of(weights.astype(np.float32), "y = Neg(x)")
        assert to_text(round_weights(graph)) == to_text(graph)


def test_rounding_to_no_value_is_refused() -> None:
    with pytest.raises(SpecError, match="num_steps is 0; wanted 1 or more"):
        round_weights(graph_of(WEIGHTS), num_steps=0)
