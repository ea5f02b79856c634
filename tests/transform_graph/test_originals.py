"""The cases of the originals' own tests, TensorFlow's and Intel's, that no other test of a transform repeats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from examples import example, random, values
from graphs import build, quantized
from octavo.cli import main
from octavo.errors import SpecError
from octavo.graph import load_graph, save_graph
from octavo.ranges.min_max_log import read_log
from octavo.recipe import Recipe
from octavo.transform_graph.catalog import TRANSFORMS
from octavo.transform_graph.language import parse_steps
from octavo.transform_graph.transform import transform

X = np.array([1, 4, 2, 5, 3, 6, -1, -4, -2, -5, -3, -6], np.float32).reshape(1, 1, 6, 2)
W = np.array([1, 2, 3, 4, 0.1, 0.2, 0.3, 0.4], np.float32).reshape(1, 2, 2, 2)

RECORD = ";requantization_range_op__print__;__requant_min_max:"


def test_a_conv_that_two_muls_read_gives_the_same_after_fold_batch_norms() -> None:
    text = """
        x = Placeholder() shape=<1,1,6,2>
        m = Const() value=float32<2>[2, 3]
        n = Const() value=float32<2>[1, 2]
        conv = Conv2D(x, w)
        first = Mul(conv, m)
        second = Mul(conv, n)
        y = AddN(first, second) N=2
    """
    graph = example(text, inputs=("x",), outputs=("y",), consts={"w": W})
    result = transform(graph, "fold_batch_norms")
    np.testing.assert_allclose(values(result, {"x": X})[0], values(graph, {"x": X})[0], atol=1e-5)


def test_frozen_ranges_give_the_numbers_of_measured_ones(tmp_path: Path) -> None:
    text = """
        codes = Const() value=quint8<1,6>[10, 20, 30, 40, 50, 60]
        bias = Const() value=quint8<6>[1, 2, 3, 4, 5, 6]
        low = Const() value=float32<>[-1]
        high = Const() value=float32<>[11]
        sum = QuantizedBiasAdd(codes, bias, low, high, low, high) T1=quint8 T2=quint8 out_type=qint32
        requantization_range_op = RequantizationRange(sum, sum:1, sum:2) Tinput=qint32
        q = Requantize(sum, sum:1, sum:2, requantization_range_op, requantization_range_op:1) Tinput=qint32 \
out_type=quint8
        y = Dequantize(q, q:1, q:2) T=quint8
    """
    graph = example(text, outputs=("y",))
    log = tmp_path / "log.txt"
    log.write_text(f"Some line that isn't relevant\n[SomePrefix] {RECORD}[-2.4313571][10.584145]\nAnother one\n")
    frozen = transform(graph, f'freeze_requantization_ranges(min_max_log_file="{log}")')
    assert "requantization_range_op" not in frozen.nodes
    assert [frozen.nodes[t].op for t in frozen.nodes["q"].inputs[3:5]] == ["Const", "Const"]
    np.testing.assert_allclose(values(frozen, {})[0], values(graph, {})[0], atol=0.5)


def test_a_log_of_two_records_and_a_bad_one_holds_two() -> None:
    log = read_log(
        [
            "Some line that isn't relevant\n",
            f"[SomePrefix] {RECORD}[-2.4313571][10.584145]\n",
            "[SomeOtherPrefix] ;other_requantization_range_op__print__;__requant_min_max:[-1.0][2.0]\n",
            ";bad_op__print__;__requant_min_max:[-1.bad][2.0]\n",
            "Some line that isn't relevant\n",
        ]
    )
    assert len(log) == 2
    assert set(log.records) == {"requantization_range_op", "other_requantization_range_op"}


@pytest.mark.parametrize(
    ("params", "prints"),
    [
        pytest.param("", 6, id="all_but_the_last"),
        pytest.param("(op=Mul, op=Add)", 3, id="by_op"),
        pytest.param("(prefix=add_node)", 2, id="by_prefix"),
    ],
)
def test_a_logged_graph_still_runs(params: str, prints: int) -> None:
    text = """
        const_node1 = Const() value=float32<10>[1]
        const_node2 = Const() value=float32<10>[2]
        const_node3 = Const() value=float32<10>[3]
        add_node1 = Add(const_node1, const_node2)
        add_node2 = Add(add_node1, const_node3)
        mul_node1 = Mul(add_node2, const_node1)
        add = Sub(mul_node1, const_node2)
    """
    graph = example(text, outputs=("add",))
    logged = transform(graph, f"insert_logging{params}")
    assert sum(node.op == "Print" for node in logged.nodes.values()) == prints
    np.testing.assert_array_equal(values(logged, {})[0], values(graph, {})[0])


def test_constants_are_folded_by_the_command(tmp_path: Path) -> None:
    text = """
        a_expect_removed = Const() value=float32<2>[1, 2]
        b_expect_removed = Const() value=float32<2>[3, 4]
        add_expect_remains = Add(a_expect_removed, b_expect_removed)
        placeholder_expect_remains = Placeholder() shape=<2>
        mul_expect_remains = Mul(add_expect_remains, placeholder_expect_remains)
    """
    save_graph(example(text), tmp_path / "in.pb")
    with pytest.raises(SystemExit) as ended:
        main(
            [
                "transform_graph",
                f"--in_graph={tmp_path / 'in.pb'}",
                f"--out_graph={tmp_path / 'out.pb'}",
                "--inputs=placeholder_expect_remains",
                "--outputs=mul_expect_remains",
                "--transforms=fold_constants",
            ]
        )
    assert ended.value.code == 0
    assert all(name.endswith("_remains") for name in load_graph(tmp_path / "out.pb").nodes)


def test_a_transform_that_is_not_registered_is_not_recognized() -> None:
    with pytest.raises(SpecError, match="not recognized"):
        transform(example("x = Placeholder()"), "test_no_such_transform")


@pytest.mark.parametrize(("params", "ignored"), [("(ignore_errors=true)", True), ("(ignore_errors=false)", False)])
def test_ignore_errors_is_true_or_false(params: str, ignored: bool) -> None:
    [step] = parse_steps(f"fold_constants{params}", TRANSFORMS)
    assert step.ignore_errors == ignored


def test_ignore_errors_absent_is_false_and_foo_is_refused() -> None:
    assert not parse_steps("fold_constants", TRANSFORMS)[0].ignore_errors
    with pytest.raises(SpecError, match="ignore_errors wants true or false, got 'foo'"):
        parse_steps("fold_constants(ignore_errors=foo)", TRANSFORMS)


PREPARATIONS = {
    "faster_rcnn, ssd_mobilenet": "strip_unused_nodes remove_nodes(op=Identity, op=CheckNumerics) "
    "fold_constants(ignore_errors=true) fold_batch_norms fold_old_batch_norms",
    "rfcn": "remove_nodes(op=Identity, op=CheckNumerics) fold_constants(ignore_errors=true)",
    "resnet50v1_5": "strip_unused_nodes remove_nodes(op=Identity, op=CheckNumerics) fold_batch_norms "
    "fold_old_batch_norms",
    "resnet101": "mkl_fuse_pad_and_conv",
    "inceptionv3": "fuse_quantized_conv_and_requantize rerange_quantized_concat strip_unused_nodes",
    "inception_resnet_v2": "fold_convolutionwithbias_mul rerange_quantized_concat fuse_quantized_conv_and_requantize "
    "strip_unused_nodes",
}


@pytest.mark.parametrize("transforms", PREPARATIONS.values(), ids=PREPARATIONS)
def test_the_lists_of_the_integration_tests_keep_a_nets_numbers(transforms: str) -> None:
    text = """
        x = Placeholder() shape=<1,1,6,2>
        mean = Const() value=float32<2>[1, 2]
        variance = Const() value=float32<2>[0.5, 2]
        beta = Const() value=float32<2>[0.1, 0.6]
        gamma = Const() value=float32<2>[1, 2]
        dead = Neg(x)
        read = Identity(w)
        checked = CheckNumerics(x) message="?"
        conv = Conv2D(checked, read)
        y = FusedBatchNorm(conv, gamma, beta, mean, variance) epsilon=0.001 is_training=false
    """
    graph = example(text, inputs=("x",), outputs=("y",), consts={"w": W})
    result = transform(graph, transforms)
    np.testing.assert_allclose(values(result, {"x": X})[0], values(graph, {"x": X})[0], rtol=1e-5, atol=1e-5)


@pytest.mark.int8
@pytest.mark.parametrize("summed", [False, True], ids=["conv_bias_relu", "conv_bias_sum_relu"])
def test_intels_convs_are_near_in_int8(summed: bool) -> None:
    """Intel's graph feeds the sum a Const, whose buffer the sum's kernel would overwrite: here it is copied first."""
    x = random(1, 4, 4, 4) * 3

    def body(tf: Any, fed: Any) -> Any:
        conv = tf.nn.conv2d(tf.nn.relu(fed), random(2, 2, 4, 4, seed=1), 1, "SAME")
        y = tf.nn.bias_add(conv, random(4, seed=2))
        return tf.nn.relu(tf.add_n([y, tf.constant(random(1, 4, 4, 4, seed=3))]) if summed else y)

    stages = quantized(build(body, (1, 4, 4, 4)), x, recipe=Recipe(per_channel=True))
    for found in stages.outputs()[1:]:
        np.testing.assert_allclose(found, stages.outputs()[0], atol=1.0)
