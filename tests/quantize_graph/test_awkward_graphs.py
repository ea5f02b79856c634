"""Graphs that are not plain chains, through the whole INT8 chain: their numbers stay near float, or the reason is told.

Each INT8 graph runs in a process of its own: a wrong one may kill it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from graphs import build, quantized, run
from int8_runs import run_apart
from octavo.documents.decisions import Decision
from octavo.errors import GraphError
from octavo.graph import Graph
from octavo.quantize_graph.quantize import quantize
from octavo.recipe import Recipe, Target

Body = Callable[[Any, Any], Any]
SHAPE = (None, 8, 8, 4)
SIGNAL_TO_NOISE = 20.0
"""What every INT8 output must reach against float, as a ratio of root mean squares; most reach 80."""


def weights(*shape: int, seed: int = 0) -> np.ndarray:
    fan_in = max(int(np.prod(shape[:-1])), 1)
    rng = np.random.default_rng(seed + 7 * len(shape) + shape[-1])
    return np.asarray(rng.normal(size=shape) / np.sqrt(fan_in), np.float32)


def conv(tf: Any, x: Any, filters: int = 4, *, seed: int = 0, name: str | None = None, kernel: Any = None) -> Any:
    if kernel is None:
        kernel = weights(3, 3, x.shape[-1], filters, seed=seed)
    return tf.nn.conv2d(x, kernel, 1, "SAME", name=name)


def relu_conv(tf: Any, x: Any, seed: int = 0) -> Any:
    return tf.nn.relu(conv(tf, x, seed=seed))


def image(shape: tuple[int | None, ...]) -> np.ndarray:
    return np.random.default_rng(1).normal(size=[2 if n is None else n for n in shape]).astype(np.float32)


@dataclass(frozen=True)
class Case:
    """A graph, and how many INT8 kernels it has to have at least.

    Attributes:
        body: what builds it.
        kernels: convs and matmuls in INT8.
        outputs: what is fetched.
        frames: whether loops and conditionals are nodes of the graph, as TensorFlow 1 wrote them.
    """

    body: Body
    kernels: int
    outputs: tuple[str, ...] = ("out",)
    frames: bool = False
    shape: tuple[int | None, ...] = SHAPE


CASES: dict[str, Case] = {}


def case(
    kernels: int,
    *,
    outputs: tuple[str, ...] = ("out",),
    frames: bool = False,
    shape: tuple[int | None, ...] = SHAPE,
) -> Callable[[Body], Body]:
    """List the body of a graph under its name."""

    def listed(body: Body) -> Body:
        CASES[body.__name__] = Case(body, kernels, outputs, frames, shape)
        return body

    return listed


# functions, loops and conditionals


@case(2)
def call_of_a_function(tf: Any, x: Any) -> Any:
    inner = tf.function(lambda y: relu_conv(tf, y, seed=3))
    return relu_conv(tf, inner(relu_conv(tf, x)))


@case(2)
def call_that_is_given_weights(tf: Any, x: Any) -> Any:
    inner = tf.function(lambda y, kernel: tf.nn.conv2d(y, kernel, 1, "SAME"))
    return relu_conv(tf, inner(relu_conv(tf, x), tf.constant(weights(3, 3, 4, 4))))


def loop(tf: Any, x: Any) -> Any:
    kernel = tf.constant(weights(3, 3, 4, 4))
    y = tf.nn.relu(conv(tf, x, kernel=kernel))
    y = tf.while_loop(lambda i, _: i < 2, lambda i, y: (i + 1, tf.nn.relu(conv(tf, y, kernel=kernel))), [0, y])[1]
    return tf.nn.relu(conv(tf, y, kernel=kernel))


CASES["loop_of_functions_with_shared_weights"] = Case(loop, 2)
CASES["loop_of_nodes_with_shared_weights"] = Case(loop, 2, frames=True)


@case(2, frames=True)
def loop_of_nodes_around_what_is_computed_outside(tf: Any, x: Any) -> Any:
    y = relu_conv(tf, x)
    total = tf.while_loop(lambda i, _: i < 3, lambda i, a: (i + 1, a + tf.reduce_sum(y) * 1e-3), [0, tf.constant(0.0)])
    return relu_conv(tf, y + total[1])


@case(2, frames=True)
def loop_of_nodes_with_pool_and_concat(tf: Any, x: Any) -> Any:
    def turn(i: Any, y: Any) -> Any:
        return i + 1, tf.nn.max_pool2d(tf.concat([y, y], 3)[..., :4], 2, 1, "SAME")

    return relu_conv(tf, tf.while_loop(lambda i, _: i < 2, turn, [0, relu_conv(tf, x)])[1])


def conditional(taken: bool) -> Body:
    def body(tf: Any, x: Any) -> Any:
        kernel = tf.constant(weights(3, 3, 4, 4))
        y = tf.nn.relu(conv(tf, x, kernel=kernel))
        choice = tf.reduce_sum(y) > 0 if taken else tf.reduce_sum(y) < 0
        y = tf.compat.v1.cond(choice, lambda: tf.nn.relu(conv(tf, y, kernel=kernel)), lambda: conv(tf, y, seed=2))
        return relu_conv(tf, y)

    return body


for _frames in (False, True):
    for _taken in (False, True):
        _kind = f"conditional_of_{'nodes' if _frames else 'functions'}_{'taken' if _taken else 'not_taken'}"
        CASES[_kind] = Case(conditional(_taken), 2, frames=_frames)


@case(2, frames=True)
def switch_between_a_conv_and_its_bias(tf: Any, x: Any) -> Any:
    y = conv(tf, x)
    y = tf.compat.v1.cond(tf.reduce_sum(x) > -1e9, lambda: tf.nn.bias_add(y, weights(4)), lambda: y)
    return relu_conv(tf, y)


# control edges


@case(2)
def control_edges_into_a_chain(tf: Any, x: Any) -> Any:
    with tf.control_dependencies([tf.no_op()]):
        y = tf.nn.bias_add(conv(tf, x), weights(4))
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(x < 1e9), [x])]):
        y = tf.nn.relu(y)
    return relu_conv(tf, y)


@case(2)
def control_edges_out_of_the_middle_of_a_chain(tf: Any, x: Any) -> Any:
    convolved = conv(tf, x)
    biased = tf.nn.bias_add(convolved, weights(4))
    y = tf.nn.relu(biased)
    with tf.control_dependencies([convolved, biased]):
        y = tf.identity(y)
    return relu_conv(tf, y)


@case(2)
def control_edges_of_weights(tf: Any, x: Any) -> Any:
    with tf.control_dependencies([x]):
        kernel, bias = tf.constant(weights(3, 3, 4, 4)), tf.constant(weights(4))
    y = tf.nn.relu(tf.nn.bias_add(conv(tf, x, kernel=kernel), bias))
    with tf.control_dependencies([kernel]):
        y = tf.identity(y)
    return relu_conv(tf, y)


@case(4)
def control_edges_into_a_sum(tf: Any, x: Any) -> Any:
    y = relu_conv(tf, x)
    with tf.control_dependencies([tf.no_op()]):
        total = conv(tf, relu_conv(tf, y, seed=1), seed=2) + y
    return relu_conv(tf, tf.nn.relu(total))


# constants behind other nodes, and shared ones


@case(2)
def weights_and_bias_behind_identities(tf: Any, x: Any) -> Any:
    kernel = tf.identity(tf.identity(tf.constant(weights(3, 3, 4, 4))))
    y = tf.nn.bias_add(conv(tf, x, kernel=kernel), tf.identity(tf.constant(weights(4))))
    return relu_conv(tf, tf.identity(tf.nn.relu(tf.identity(y))))


@case(2)
def weights_behind_an_identity_that_waits(tf: Any, x: Any) -> Any:
    with tf.control_dependencies([x]):
        kernel = tf.identity(tf.constant(weights(3, 3, 4, 4)))
    return relu_conv(tf, tf.nn.relu(conv(tf, x, kernel=kernel)))


@case(2, outputs=("out", "kernel"))
def weights_that_are_fetched(tf: Any, x: Any) -> Any:
    return relu_conv(tf, tf.nn.relu(conv(tf, x, kernel=tf.constant(weights(3, 3, 4, 4), name="kernel"))))


@case(3)
def weights_shared_by_convs_of_other_strides(tf: Any, x: Any) -> Any:
    kernel = tf.constant(weights(3, 3, 4, 4))
    y = tf.nn.relu(conv(tf, x, kernel=kernel))
    wide, far = tf.nn.conv2d(y, kernel, 2, "SAME"), tf.nn.conv2d(y, kernel, 1, "VALID", dilations=2)
    return tf.reduce_sum(wide, [1, 2]) + tf.reduce_sum(far, [1, 2])


@case(2)
def weights_shared_by_a_conv_and_a_depthwise_conv(tf: Any, x: Any) -> Any:
    kernel = tf.constant(weights(3, 3, 4, 1))
    y = tf.nn.relu(tf.nn.depthwise_conv2d(x, kernel, [1, 1, 1, 1], "SAME"))
    return tf.nn.relu(conv(tf, y, kernel=kernel))


@case(2)
def weights_that_a_float_op_reads_too(tf: Any, x: Any) -> Any:
    kernel = tf.constant(weights(3, 3, 4, 4))
    return relu_conv(tf, tf.nn.relu(conv(tf, x, kernel=kernel))) * tf.nn.l2_loss(kernel)


@case(2)
def weights_of_a_matmul_and_of_its_transpose(tf: Any, x: Any) -> Any:
    kernel = tf.constant(weights(4, 4))
    return tf.matmul(tf.nn.relu(tf.matmul(tf.reshape(x, [-1, 4]), kernel)), kernel, transpose_b=True)


@case(2)
def bias_shared_and_read_by_a_float_op(tf: Any, x: Any) -> Any:
    bias = tf.constant(weights(4))
    y = tf.nn.relu(tf.nn.bias_add(conv(tf, x), bias))
    return tf.nn.relu(tf.nn.bias_add(conv(tf, y, seed=3), bias)) * bias


@case(1)
def weights_that_may_be_fed(tf: Any, x: Any) -> Any:
    kernel = tf.compat.v1.placeholder_with_default(tf.constant(weights(3, 3, 4, 4)), (3, 3, 4, 4))
    return tf.nn.relu(conv(tf, relu_conv(tf, x), kernel=kernel))


@case(1)
def weights_whose_derived_names_are_taken(tf: Any, x: Any) -> Any:
    y = tf.nn.relu(conv(tf, x, kernel=tf.constant(weights(3, 3, 4, 4), name="k")))
    return y * tf.constant(0.5, name="k_min")


# channels first


@case(1, shape=(None, 4, 8, 8))
def channels_first_before_channels_last(tf: Any, x: Any) -> Any:
    y = tf.nn.conv2d(x, weights(3, 3, 4, 8), 1, "SAME", data_format="NCHW")
    y = tf.nn.relu(tf.nn.bias_add(y, weights(8), data_format="NCHW"))
    y = tf.nn.max_pool2d(y, 2, 2, "SAME", data_format="NCHW")
    return relu_conv(tf, tf.transpose(y, [0, 2, 3, 1]))


# sums


@case(4)
def summand_of_one_pixel(tf: Any, x: Any) -> Any:
    y = relu_conv(tf, x)
    gate = tf.nn.relu(tf.nn.conv2d(tf.nn.avg_pool2d(y, 8, 8, "VALID"), weights(1, 1, 4, 4), 1, "SAME"))
    return relu_conv(tf, tf.nn.relu(conv(tf, y, seed=2) + gate))


@case(3)
def sum_larger_than_the_conv(tf: Any, x: Any) -> Any:
    y = relu_conv(tf, x)
    gate = tf.nn.conv2d(tf.nn.avg_pool2d(y, 8, 8, "VALID"), weights(1, 1, 4, 4), 1, "SAME")
    return relu_conv(tf, tf.nn.relu(gate + y))


@case(3)
def summand_of_one_example(tf: Any, x: Any) -> Any:
    y = relu_conv(tf, x)
    return relu_conv(tf, tf.nn.relu(conv(tf, y, seed=2) + y[:1]))


@case(2)
def summand_that_is_computed_from_constants(tf: Any, x: Any) -> Any:
    constant = relu_conv(tf, tf.constant(weights(2, 8, 8, 4)))
    return relu_conv(tf, tf.nn.relu(conv(tf, x, seed=4) + constant))


@case(2)
def conv_added_to_itself(tf: Any, x: Any) -> Any:
    y = conv(tf, x)
    return relu_conv(tf, tf.nn.relu(tf.nn.bias_add(y, weights(4)) + y))


@case(2)
def summand_that_is_fed(tf: Any, x: Any) -> Any:
    return relu_conv(tf, tf.nn.relu(conv(tf, x) + x))


@case(4, outputs=("skip", "out"))
def summand_that_is_fetched(tf: Any, x: Any) -> Any:
    y = tf.nn.relu(conv(tf, x), name="skip")
    y = tf.nn.relu(conv(tf, relu_conv(tf, y, seed=2), seed=3) + y)
    return relu_conv(tf, y)


@case(5)
def summand_of_two_sums_and_a_float_op(tf: Any, x: Any) -> Any:
    y = relu_conv(tf, x)
    one = tf.nn.relu(conv(tf, relu_conv(tf, y, seed=1), seed=2) + y)
    two = tf.nn.relu(conv(tf, relu_conv(tf, y, seed=3), seed=4) + y)
    return one + two + y


@case(5)
def add_n_of_one_two_and_three(tf: Any, x: Any) -> Any:
    y = tf.nn.relu(tf.raw_ops.AddN(inputs=[conv(tf, x)]))
    y = tf.nn.relu(tf.add_n([y, conv(tf, relu_conv(tf, y), seed=1)]))
    return relu_conv(tf, tf.nn.relu(tf.add_n([conv(tf, y, seed=2), y, x])))


@case(2)
def sums_of_constants_of_many_shapes(tf: Any, x: Any) -> Any:
    y = conv(tf, x) + weights(1, 1, 1, 4)
    y = tf.nn.relu(tf.nn.relu(y) + weights(1, 8, 8, 1) + np.float32(0.3))
    return tf.nn.relu(conv(tf, y) + weights(1, 8, 8, 4))


# outputs and ports


@case(2, outputs=("out", "c", "b", "r"))
def every_node_of_a_chain_is_fetched(tf: Any, x: Any) -> Any:
    y = tf.nn.bias_add(conv(tf, x, name="c"), weights(4), name="b")
    return relu_conv(tf, tf.nn.relu(y, name="r"))


@case(2, outputs=("out", "x"))
def the_input_is_fetched(tf: Any, x: Any) -> Any:
    return relu_conv(tf, relu_conv(tf, x))


@case(3)
def second_output_of_a_split(tf: Any, x: Any) -> Any:
    one, two = tf.split(tf.nn.relu(conv(tf, x, 8)), 2, 3)
    return relu_conv(tf, two, seed=1) + relu_conv(tf, one, seed=2)


# shapes, numbers, names


@case(2, shape=(None, None, None, 4))
def size_that_is_not_known(tf: Any, x: Any) -> Any:
    y = relu_conv(tf, x)
    return relu_conv(tf, tf.image.resize(y, tf.shape(y)[1:3] * 2))


@case(2)
def shape_that_is_computed(tf: Any, x: Any) -> Any:
    y = relu_conv(tf, x)
    return tf.matmul(tf.reshape(y, tf.stack([tf.shape(y)[0], 256])), weights(256, 5))


@case(2)
def branches_of_other_scales(tf: Any, x: Any) -> Any:
    small, large = relu_conv(tf, x), relu_conv(tf, x * 1e6, seed=1)
    return tf.concat([small * 1e6, large], 3)


@case(2)
def channels_without_weights_and_dead_ones(tf: Any, x: Any) -> Any:
    kernel = weights(3, 3, 4, 4).copy()
    kernel[..., 0] = 0
    bias = np.array([1, -1e3, 0, 0], np.float32)
    return relu_conv(tf, tf.nn.relu(tf.nn.bias_add(conv(tf, x, kernel=kernel), bias)))


@case(2)
def convs_in_other_types(tf: Any, x: Any) -> Any:
    y = tf.cast(relu_conv(tf, x), tf.float64)
    y = tf.cast(tf.nn.relu(conv(tf, y, kernel=weights(3, 3, 4, 4).astype(np.float64))), tf.bfloat16)
    y = conv(tf, y, kernel=tf.cast(weights(3, 3, 4, 4), tf.bfloat16))
    return relu_conv(tf, tf.cast(y, tf.float32))


@case(2)
def names_with_every_sign(tf: Any, x: Any) -> Any:
    y = tf.nn.bias_add(conv(tf, x, name="a-b.c/d"), weights(4), name="A_1/.x")
    return relu_conv(tf, tf.nn.relu(y))


@case(2)
def devices_and_colocations(tf: Any, x: Any) -> Any:
    with tf.device("/CPU:0"):
        y = tf.nn.relu(conv(tf, x, name="first"))
    with tf.compat.v1.colocate_with(y.op.inputs[0].op):
        y = tf.nn.max_pool2d(y, 2, 1, "SAME")
    return relu_conv(tf, y)


def graph_of(each: Case, monkeypatch: pytest.MonkeyPatch) -> Graph:
    from tensorflow.python.ops import control_flow_util

    monkeypatch.setattr(control_flow_util, "ENABLE_CONTROL_FLOW_V2", not each.frames)
    return build(each.body, each.shape, each.outputs)


def assert_near(exact: list[np.ndarray], found: list[np.ndarray]) -> None:
    for right, near in zip(exact, found, strict=True):
        assert np.all(np.isfinite(near))
        noise = float(np.sqrt(np.mean((near - right) ** 2)))
        assert float(np.sqrt(np.mean(right**2))) >= SIGNAL_TO_NOISE * noise


@pytest.mark.int8
@pytest.mark.parametrize("name", CASES)
def test_an_awkward_graph_stays_near_float(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    each = CASES[name]
    graph = graph_of(each, monkeypatch)
    x = image(tuple(8 if n is None and place else n for place, n in enumerate(each.shape)))
    int8 = quantized(graph, x).int8
    kernels = [n for n in int8.nodes.values() if n.op.startswith(("_FusedQuantized", "_QuantizedMatMul"))]
    assert len(kernels) >= each.kernels
    assert_near(run(graph, x), run_apart(int8, x))


SUMS = ["summand_of_one_pixel", "summand_of_one_example", "summand_that_is_fetched", "add_n_of_one_two_and_three"]


@pytest.mark.int8
@pytest.mark.parametrize("name", SUMS)
def test_an_awkward_sum_stays_near_float_under_intels_names(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target: Target = "public"
    graph, x = graph_of(CASES[name], monkeypatch), image(SHAPE)
    assert_near(run(graph, x), run_apart(quantized(graph, x, target=target).int8, x))


def told(body: Body, frames: bool, monkeypatch: pytest.MonkeyPatch) -> dict[str, Decision]:
    return {d.name: d for d in quantize(graph_of(Case(body, 0, frames=frames), monkeypatch), Recipe())[1]}


def test_a_conv_in_a_branch_tells_that_its_branch_need_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    found = told(conditional(taken=True), True, monkeypatch)
    inside = [d for d in found.values() if d.name.startswith("cond/")]
    assert [d.reason for d in inside] == ["it is in a branch of a conditional, which need not run"] * 2
    assert {d.verdict for d in found.values() if d not in inside} == {"INT8"}


def test_a_conv_of_constants_tells_that_it_may_be_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    found = told(summand_that_is_computed_from_constants, False, monkeypatch)
    assert [d.reason for d in found.values() if d.verdict == "FP32"] == [
        "its input is constant; fold constants before quantizing"
    ]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (summand_of_one_pixel, "the kernels add summands of the output's shape only"),
        (summand_of_one_example, "the kernels add summands of the output's shape only"),
        (summand_that_is_computed_from_constants, "the summand is constant"),
    ],
)
def test_a_sum_that_is_left_in_float_tells_why(body: Body, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert any(str(d.stopped).endswith(why) for d in told(body, False, monkeypatch).values())


def test_a_name_that_octavo_gives_too_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def body(tf: Any, x: Any) -> Any:
        y = tf.nn.relu(conv(tf, x, name="conv"))
        return y + tf.constant(1.0, name="conv_eightbit_requant_range")

    with pytest.raises(GraphError, match="already has a node named 'conv_eightbit_requant_range'"):
        told(body, False, monkeypatch)


def test_a_concat_with_an_axis_of_64_bits() -> None:
    def body(tf: Any, x: Any) -> Any:
        parts = [relu_conv(tf, x), relu_conv(tf, x, seed=2)]
        return relu_conv(tf, tf.raw_ops.ConcatV2(values=parts, axis=tf.constant(3, tf.int64)))

    graph, x = build(body, SHAPE), image(SHAPE)
    assert_near(run(graph, x), run_apart(quantized(graph, x).int8, x))


def test_activations_below_a_millionth_are_rounded_to_the_least_step() -> None:
    """8-bit tensors have a magnitude of 1e-6 at least, so that no scale is near zero; the conv sums a few steps."""
    graph = build(lambda tf, x: relu_conv(tf, relu_conv(tf, x) * 1e-8), SHAPE)
    x = image(SHAPE)
    step = 1e-6 / 255
    assert np.abs(run(graph, x)[0] - run_apart(quantized(graph, x).int8, x)[0]).max() <= 4 * step
