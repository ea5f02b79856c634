from typing import Any

import numpy as np
import pytest

from graphs import build, quantized, run
from octavo.transform_graph.transforms.flatten_matmuls import flatten_matmuls


def weights(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def batch_matmul(tf: Any, x: Any) -> Any:
    return tf.matmul(x, weights(6, 5))


def transposed(tf: Any, x: Any) -> Any:
    return tf.nn.relu(tf.raw_ops.BatchMatMulV2(x=x, y=weights(5, 6), adj_x=False, adj_y=True) + weights(5))


def dense_stack(tf: Any, x: Any) -> Any:
    y = tf.nn.tanh(tf.nn.bias_add(tf.matmul(x, weights(6, 8)), weights(8)))
    return tf.matmul(y, weights(8, 3)) + weights(3)


def attention_heads(tf: Any, x: Any) -> Any:
    y = tf.einsum("abc,cde->abde", x, weights(6, 2, 4)) + weights(2, 4)
    return tf.einsum("abde,def->abf", y, weights(2, 4, 3))


def tensordot(tf: Any, x: Any) -> Any:
    flat = tf.matmul(tf.reshape(x, [-1, 6]), weights(6, 5))
    return tf.nn.relu(tf.nn.bias_add(tf.reshape(flat, [-1, 4, 5]), weights(5)))


PRODUCTS = [batch_matmul, transposed, dense_stack, attention_heads, tensordot]


@pytest.mark.parametrize("shape", [(None, 4, 6), (2, 4, 6)], ids=["open_batch", "known"])
@pytest.mark.parametrize("body", PRODUCTS, ids=lambda body: body.__name__)
def test_becomes_matmul_with_the_same_numbers(body: Any, shape: tuple[int | None, ...]) -> None:
    graph = build(body, shape)
    flat = flatten_matmuls(graph)
    flat.check()
    assert not {n.op for n in flat.nodes.values()} & {"BatchMatMulV2", "Einsum"}
    x = weights(2, 4, 6, seed=1)
    assert np.allclose(run(graph, x)[0], run(flat, x)[0], rtol=1e-5, atol=1e-6)
    assert flatten_matmuls(flat).nodes == flat.nodes


def test_two_open_dimensions_are_taken_from_the_data() -> None:
    graph = build(dense_stack, (None, None, 6))
    flat = flatten_matmuls(graph)
    assert sum(n.op == "MatMul" for n in flat.nodes.values()) == 2
    x = weights(2, 7, 6, seed=1)
    assert np.allclose(run(graph, x)[0], run(flat, x)[0], rtol=1e-5, atol=1e-6)


@pytest.mark.int8
def test_bias_and_activation_come_to_stand_behind_the_matmul_and_go_into_its_kernel() -> None:
    stages = quantized(flatten_matmuls(build(dense_stack, (None, 4, 6))), weights(8, 4, 6, seed=1))
    assert stages.ops().count("_QuantizedMatMul") == 2
    assert not {"Tanh", "BiasAdd", "MatMul", "AddV2"} & set(stages.ops())
    exact, frozen, int8 = stages.outputs()
    assert np.abs(int8 - frozen).max() <= 0.01 * np.ptp(exact)


def both_operands_computed(tf: Any, x: Any) -> Any:
    return tf.matmul(x, x, transpose_b=True)


def matrices_of_their_own(tf: Any, x: Any) -> Any:
    return tf.matmul(x, weights(4, 6, 6)[None, 0])


def summed_over_the_middle(tf: Any, x: Any) -> Any:
    return tf.einsum("abc,bd->acd", x, weights(4, 5))


@pytest.mark.parametrize(
    "body", [both_operands_computed, matrices_of_their_own, summed_over_the_middle], ids=lambda body: body.__name__
)
def test_leaves_other_products_alone(body: Any) -> None:
    graph = build(body, (None, 4, 6))
    assert flatten_matmuls(graph).nodes == graph.nodes


def test_an_intermediate_that_is_fetched_stays_what_it_was() -> None:
    def body(tf: Any, x: Any) -> Any:
        y = tf.matmul(x, weights(6, 5), name="product")
        return tf.nn.relu(y)

    graph = build(body, (None, 4, 6), outputs=("out", "product"))
    flat = flatten_matmuls(graph)
    x = weights(2, 4, 6, seed=1)
    for before, after in zip(run(graph, x), run(flat, x), strict=True):
        assert np.allclose(before, after, rtol=1e-5, atol=1e-6)
