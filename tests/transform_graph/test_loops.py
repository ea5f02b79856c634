"""Every transform that changes what is computed, on a graph with a while loop and a conditional of TensorFlow 1."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from examples import random, values
from octavo.graph import Graph, from_def
from octavo.graph.op_defs import CONTROL_FLOW
from octavo.runtime.proof import with_tables_filled
from octavo.tensorflow import import_tensorflow
from octavo.transform_graph.stages import OPTIMIZE
from octavo.transform_graph.transform import transform

X = random(1, 4, 4, 3)
IDS = np.array([0, 2, 4])


@pytest.fixture(scope="module")
def loop() -> Graph:
    """A loop of conv, batch norm, bias, Relu and gather, with constants outside and inside, and a conditional."""
    tf = import_tensorflow()
    v1, raw = tf.compat.v1, tf.raw_ops
    made = tf.Graph()
    with made.as_default():
        v1.disable_control_flow_v2()
        x = v1.placeholder(tf.float32, [1, 4, 4, 3], name="x")
        ids = v1.placeholder(tf.int64, [3], name="ids")
        outside = tf.constant(random(3, 3, 3, 3, seed=1))

        def step(i: Any, t: Any) -> tuple[Any, Any]:
            inside = tf.constant(random(1, 1, 3, 3, seed=2))
            c = raw.Conv2D(input=t, filter=outside, strides=[1, 1, 1, 1], padding="SAME")
            c = raw.Mul(x=c, y=tf.constant([0.5, 0.25, 0.125]))
            c = raw.BiasAdd(value=c, bias=tf.constant([0.1, 0.2, 0.3]))
            positive = raw.Relu(features=tf.identity(c))
            c = raw.Conv2D(input=positive, filter=inside, strides=[1, 1, 1, 1], padding="SAME")
            rows = raw.Gather(params=tf.constant(random(5, 1, seed=3)), indices=ids)
            c = tf.concat([c[..., :2], c[..., 2:] * tf.reduce_sum(rows)], 3)
            return i + 1, raw.AddV2(x=c, y=t)

        _, result = v1.while_loop(lambda i, _: i < 3, step, [tf.constant(0), raw.Relu(features=x)])
        chosen = v1.cond(tf.reduce_sum(x) > 0, lambda: raw.Relu(features=result), lambda: raw.Neg(x=result))
        raw.Identity(input=chosen, name="y")
        v1.enable_control_flow_v2()
    return from_def(made.as_graph_def()).with_ends(("x", "ids"), ("y",))


@pytest.fixture(scope="module")
def placed() -> Graph:
    """Loops and conditionals whose constants are kept in their place by control edges alone, of many kinds."""
    tf = import_tensorflow()
    v1, raw = tf.compat.v1, tf.raw_ops
    made = tf.Graph()
    with made.as_default():
        v1.disable_control_flow_v2()
        x = v1.placeholder(tf.float32, [1, 4, 4, 3], name="x")

        def turn(i: Any, t: Any) -> tuple[Any, Any]:
            product = raw.BatchMatMulV2(x=x, y=tf.constant(random(3, 3, seed=1)))
            c = raw.Relu(features=raw.BiasAdd(value=product, bias=tf.constant(random(3, seed=2))))
            c = raw.Reshape(tensor=c, shape=raw.Shape(input=x)) + t
            c = tf.nn.conv2d(c, tf.constant(random(3, 3, 3, 3, seed=3)), 1, [[0, 0], [1, 1], [1, 1], [0, 0]])
            checked = raw.CheckNumerics(tensor=raw.Identity(input=t), message="")
            with tf.control_dependencies([checked]):
                c = raw.Mul(x=c, y=tf.constant(0.25))
            doubled = v1.while_loop(lambda j, _: j < 2, lambda j, u: (j + 1, u + tf.constant(0.5)), [0, c])[1]
            return i + 1, raw.Add(x=doubled, y=tf.constant(random(3, seed=4)))

        y = v1.while_loop(lambda i, _: i < 3, turn, [0, x])[1]
        positive = tf.reduce_sum(x) > 0

        def behind_identities(value: float) -> Any:
            there = raw.Identity(input=raw.Identity(input=y + 1))
            behind = raw.CheckNumerics(tensor=raw.Identity(input=raw.Identity(input=x)), message="")
            with tf.control_dependencies([behind]):
                return there, tf.constant(value)

        number = v1.cond(positive, lambda: tf.constant(2.0), lambda: tf.constant(-3.0))
        there, other = v1.cond(positive, lambda: behind_identities(5.0), lambda: behind_identities(-7.0))
        size = v1.cond(positive, lambda: raw.Shape(input=x), lambda: raw.Shape(input=x[0, 0]))
        raw.Identity(input=y * number + there * other + tf.cast(tf.size(size), tf.float32), name="y")
        v1.enable_control_flow_v2()
    return from_def(made.as_graph_def()).with_ends(("x",), ("y",))


@pytest.mark.parametrize(
    ("step", "tolerance"),  # the largest difference, relative to the largest magnitude
    [
        ("strip_unused_nodes", 0),
        ("fold_constants", 1e-6),
        ("fold_batch_norms", 1e-6),
        ("fold_old_batch_norms", 1e-6),
        ("flatten_atrous_conv", 0),
        ("fuse_convolutions", 0),
        ("backport_concatv2", 0),
        ("add_default_attributes", 0),
        ("equalize_weights", 1e-6),
        ("flatten_matmuls", 0),
        ("fold_convolutionwithbias_mul", 1e-6),
        ("fold_subdivmul_batch_norms", 1e-6),
        ("free_batch_dimension", 0),
        ("fuse_quantized_conv_and_requantize", 0),
        ("fuse_quantized_matmul_and_requantize", 0),
        ("mkl_fuse_pad_and_conv", 0),
        ("rerange_quantized_concat", 0),
        ("insert_logging(op=Conv2D, first_n=0)", 0),
        ("merge_duplicate_nodes", 0),
        ("obfuscate_names", 0),
        ("remove_nodes(op=Identity)", 0),
        ("sort_by_execution_order", 0),
        ("sparsify_gather", 0),
        ("round_weights(num_steps=256)", 0.02),
        ("quantize_weights(minimum_size=5)", 0.02),
        ("quantize_nodes", 0.1),
        ("quantize_nodes(fallback_min=-8, fallback_max=8)", 0.4),
        ("quantize_weights(minimum_size=5) quantize_nodes strip_unused_nodes", 0.1),
        ("strip_unused_nodes remove_nodes(op=Identity) fold_constants fold_batch_norms merge_duplicate_nodes", 1e-6),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_loops_and_conditionals_give_the_same(loop: Graph, step: str, tolerance: float, sign: int) -> None:
    after = transform(loop, step)
    kinds = [sorted(n.op for n in graph.nodes.values() if n.op in CONTROL_FLOW) for graph in (loop, after)]
    assert kinds[1] == kinds[0] or step.startswith("fuse_quantized_conv") or "strip_unused_nodes" in step
    feeds = {"x": sign * np.abs(X), "ids": IDS}
    [old], [new] = values(loop, feeds), values(with_tables_filled(after), feeds)
    np.testing.assert_allclose(new, old, rtol=0, atol=tolerance * np.abs(old).max())


@pytest.mark.parametrize(
    ("step", "tolerance"),  # the largest difference, relative to the largest magnitude
    [
        ("strip_unused_nodes", 0),
        ("remove_nodes(op=Identity, op=CheckNumerics)", 0),
        ("remove_control_dependencies", 0),
        ("remove_nodes(op=Identity, op=CheckNumerics) remove_control_dependencies", 0),
        ("fold_constants", 1e-6),
        ("fold_batch_norms", 1e-6),
        ("fold_convolutionwithbias_mul", 1e-6),
        ("flatten_matmuls", 1e-6),
        ("free_batch_dimension", 1e-6),
        ("fuse_convolutions", 0),
        ("merge_duplicate_nodes", 0),
        ("obfuscate_names", 0),
        ("insert_logging(op=Conv2D, op=MatMul, first_n=0)", 0),
        ("round_weights(num_steps=256)", 0.02),
        ("quantize_weights(minimum_size=1)", 0.02),
        ("quantize_nodes(fallback_min=-8, fallback_max=8)", 0.5),
        (OPTIMIZE, 1e-6),
    ],
)
@pytest.mark.parametrize("sign", [1, -1], ids=["taken", "not_taken"])
def test_what_control_edges_place_stays_there(placed: Graph, step: str, tolerance: float, sign: int) -> None:
    feeds = {"x": sign * np.abs(X)}
    [old], [new] = values(placed, feeds), values(transform(placed, step), feeds)
    np.testing.assert_allclose(new, old, rtol=0, atol=tolerance * np.abs(old).max())


def test_ranges_of_a_loop_are_frozen_in_the_loop(placed: Graph, tmp_path: Path) -> None:
    """The fallback of an op in 32 bits is measured in each turn; a log puts constants there instead."""
    eightbit = transform(placed, "quantize_nodes(ignore_op=Add, ignore_op=AddV2, ignore_op=Mul)")
    ranges = [node.name for node in eightbit.nodes.values() if node.op == "RequantizationRange"]
    assert ranges
    log = tmp_path / "log.txt"
    log.write_text("".join(f";{name}__print__;__requant_min_max:[-8][8]\n" for name in ranges))
    frozen = transform(eightbit, f'freeze_requantization_ranges(min_max_log_file="{log}")')
    assert "RequantizationRange" not in {node.op for node in frozen.nodes.values()}
    [old], [new] = values(eightbit, {"x": X}), values(frozen, {"x": X})
    np.testing.assert_allclose(new, old, rtol=0, atol=0.1 * np.abs(old).max())
