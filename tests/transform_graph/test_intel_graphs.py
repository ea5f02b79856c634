"""The command lines of Intel's tutorial, on the graphs that Intel's quantize_graph wrote."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from examples import random
from graphs import run
from intel_graphs import IntelGraph
from octavo.graph import Graph, const_value
from octavo.graph.attrs import DType
from octavo.graph.tensors import Array
from octavo.recipe import Target
from octavo.transform_graph.transform import transform

pytestmark = pytest.mark.int8

LOG = (
    "insert_logging(op=RequantizationRange, op=RequantizationRangePerChannel, show_name=true, "
    'message="__requant_min_max:")'
)
LOG_ENTRY = (
    'insert_logging(op=Max, show_name=true, message="__max:") insert_logging(op=Min, show_name=true, message="__min:")'
)
TOLERANCE = 0.03
"""Largest error of an INT8 graph's output, relative to the largest magnitude of the float graph's."""

Net = Callable[[IntelGraph, str], tuple[str, ...]]


def w(*shape: int, seed: int) -> Array:
    return random(*shape, seed=seed)


def stem(g: IntelGraph, x: str) -> str:
    return g.conv("c1", x, w(3, 3, 4, 8, seed=1), bias=w(8, seed=2), relu="Relu")


def conv_bias_relu(g: IntelGraph, x: str) -> tuple[str, ...]:
    return (g.conv("c2", stem(g, x), w(3, 3, 8, 8, seed=3), bias=w(8, seed=4), relu="Relu"),)


def conv_bias(g: IntelGraph, x: str) -> tuple[str, ...]:
    return (g.conv("c2", stem(g, x), w(3, 3, 8, 8, seed=3), bias=w(8, seed=4)),)


def conv_alone(g: IntelGraph, x: str) -> tuple[str, ...]:
    op = "QuantizedConv2DPerChannel" if g.per_channel else "QuantizedConv2D"
    return (g.conv("c2", stem(g, x), w(3, 3, 8, 8, seed=3), op=op),)


def residual(g: IntelGraph, x: str) -> tuple[str, ...]:
    a = stem(g, x)
    b = g.conv("c2", a, w(3, 3, 8, 8, seed=3), bias=w(8, seed=4), relu="Relu")
    return (g.conv("c3", b, w(3, 3, 8, 8, seed=5) / 4, bias=w(8, seed=6), summand=a, relu="Relu"),)


def residual_read_later(g: IntelGraph, x: str) -> tuple[str, ...]:
    [total] = residual(g, x)
    return (g.conv("c4", total, w(1, 1, 8, 8, seed=9), bias=w(8, seed=6), relu="Relu"), g.pool("pool", "c1/relu"))


def float_summand(g: IntelGraph, x: str) -> tuple[str, ...]:
    return (g.conv("c3", stem(g, x), w(3, 3, 8, 4, seed=5) / 4, bias=w(4, seed=6), summand=x, relu="Relu"),)


def projection(g: IntelGraph, x: str) -> tuple[str, ...]:
    a = stem(g, x)
    s = g.conv("p", a, w(1, 1, 8, 8, seed=7), bias=w(8, seed=8))
    return (g.conv("c3", a, w(3, 3, 8, 8, seed=5) / 2, bias=w(8, seed=6), summand=s, relu="Relu"),)


def projection_read_twice(g: IntelGraph, x: str) -> tuple[str, ...]:
    return (*projection(g, x), g.op("s", "Softplus", "p/biased"))


def depthwise_relu6(g: IntelGraph, x: str) -> tuple[str, ...]:
    w8 = 3 * w(3, 3, 8, 1, seed=3)
    return (g.conv("c2", stem(g, x), w8, bias=w(8, seed=4), relu="Relu6", depthwise=True),)


def depthwise_bias(g: IntelGraph, x: str) -> tuple[str, ...]:
    return (g.conv("c2", stem(g, x), w(3, 3, 8, 1, seed=3), bias=w(8, seed=4), depthwise=True),)


def inception(g: IntelGraph, x: str) -> tuple[str, ...]:
    a = stem(g, x)
    b = g.conv("c2", a, w(1, 1, 8, 8, seed=3) / 8, bias=w(8, seed=4), relu="Relu")
    c = g.pool("pool", g.concat("cat", a, b))
    return (g.conv("c3", c, w(3, 3, 16, 8, seed=5), bias=w(8, seed=6), relu="Relu"),)


def padded(g: IntelGraph, x: str) -> tuple[str, ...]:
    pads = g.const("pads", np.array([[0, 0], [1, 2], [2, 1], [0, 0]], np.int32))
    p = g.op("pad", "Pad", stem(g, x), pads, Tpaddings=DType("int32"))
    window = {"strides": (1, 2, 2, 1), "padding": "VALID"}
    c = g.op("c2", "Conv2D", p, g.const("c2/w", w(3, 3, 8, 8, seed=3)), **window)
    r = g.op("c2/relu", "Relu", g.op("c2/biased", "BiasAdd", c, g.const("c2/b", w(8, seed=4))))
    return (g.conv("c3", r, w(1, 1, 8, 8, seed=5), bias=w(8, seed=6), relu="Relu"),)


def dense(g: IntelGraph, x: str) -> tuple[str, ...]:
    flat = g.op("flat", "Mean", x, g.const("axes", np.array([1, 2], np.int32)), keep_dims=False)
    a = g.op("moved", "Sub", flat, g.const("some", np.float32(0.3)))
    b = g.matmul("m1", a, w(4, 16, seed=1), w(16, seed=2), relu=True)
    return (g.matmul("m2", b, w(16, 5, seed=3), w(5, seed=4), relu=False),)


def dense_scaled(g: IntelGraph, x: str) -> tuple[str, ...]:
    flat = g.op("flat", "Mean", x, g.const("axes", np.array([1, 2], np.int32)), keep_dims=False)
    return (g.matmul("m1", flat, w(4, 16, seed=1), w(16, seed=2), relu=True, mode="SCALED"),)


def made(net: Net, *, per_channel: bool = False, legacy: bool = True) -> tuple[Graph, Graph]:
    """The float graph and Intel's."""
    g = IntelGraph(per_channel=per_channel, legacy=legacy)
    start = g.op("start", "Relu", g.placeholder("x", (None, 6, 6, 4)))
    return g.graphs(*net(g, start))


@pytest.fixture
def calibrate(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Callable[[Graph, str], Path]:
    """Run the graph with logging on the input, and keep what it prints."""

    def logged(graph: Graph, transforms: str = LOG) -> Path:
        run(transform(graph, transforms), X)
        path = tmp_path / "min_max_log.txt"
        path.write_text(capfd.readouterr().err)
        return path

    return logged


X = random(2, 6, 6, 4)


def frozen(graph: Graph, log: Path) -> Graph:
    return transform(graph, f'freeze_requantization_ranges(min_max_log_file="{log}")')


def kernels(graph: Graph) -> list[str]:
    ops = [node.op for node in graph.nodes.values() if "Conv2D" in node.op or "MatMul" in node.op]
    return [op.replace("Quantized", "Q").replace("AndRequantize", "8") for op in ops]


def error(found: list[Array], wanted: list[Array]) -> float:
    """The largest difference, relative to the largest magnitude."""
    return max(float(np.abs(f - want).max() / np.abs(want).max()) for f, want in zip(found, wanted, strict=True))


RELU, LINEAR = "QConv2DWithBiasAndRelu8", "QConv2DWithBias8"
SUM = "QConv2DWithBiasSumAndRelu8"

NETS: dict[Net, list[str]] = {
    conv_bias_relu: [RELU, RELU],
    conv_bias: [RELU, LINEAR],
    conv_alone: [RELU, LINEAR],
    residual: [RELU, RELU, SUM],
    residual_read_later: [RELU, RELU, SUM, RELU],
    float_summand: [RELU, SUM],
    projection: [RELU, RELU, SUM],
    projection_read_twice: [RELU, LINEAR, SUM],
    depthwise_relu6: [RELU, "QDepthwiseConv2DWithBiasAndRelu8"],
    depthwise_bias: [RELU, "_FusedQDepthwiseConv2D"],
    inception: [RELU, RELU, RELU],
}


@pytest.mark.parametrize("per_channel", [False, True], ids=["per_tensor", "per_channel"])
@pytest.mark.parametrize("net", NETS, ids=lambda net: net.__name__)
def test_an_intel_graph_becomes_int8(
    net: Net, per_channel: bool, calibrate: Callable[[Graph], Path], caplog: pytest.LogCaptureFixture
) -> None:
    floats, dynamic = made(net, per_channel=per_channel)
    ready = frozen(dynamic, calibrate(dynamic))
    with caplog.at_level(logging.WARNING):
        fused = transform(ready, "fuse_quantized_conv_and_requantize strip_unused_nodes")
    assert kernels(fused) == NETS[net]
    assert not caplog.records
    assert not [n.name for n in fused.nodes.values() if n.op in {"Requantize", "RequantizePerChannel"}]
    assert error(run(fused, X), run(floats, X)) < TOLERANCE
    assert transform(fused, "fuse_quantized_conv_and_requantize strip_unused_nodes") == fused


@pytest.mark.parametrize("target", ["fused", "public"])
@pytest.mark.parametrize("net", [projection, depthwise_relu6, conv_bias], ids=lambda net: net.__name__)
def test_either_op_set_can_be_asked_for(net: Net, target: Target, calibrate: Callable[[Graph], Path]) -> None:
    floats, dynamic = made(net, legacy=False)
    fused = transform(frozen(dynamic, calibrate(dynamic)), f"fuse_quantized_conv_and_requantize(target={target})")
    assert all(op.startswith("_Fused") == (target == "fused") for op in kernels(fused))
    assert error(run(fused, X), run(floats, X)) < TOLERANCE


@pytest.mark.parametrize("net", [residual, projection, depthwise_relu6], ids=lambda net: net.__name__)
def test_the_logged_graph_computes_what_the_float_one_does(net: Net) -> None:
    floats, dynamic = made(net, per_channel=True)
    logged = transform(dynamic, "insert_logging(op=NoSuchOp)")
    assert error(run(logged, X), run(floats, X)) < TOLERANCE


def test_a_pad_is_taken_into_the_conv_behind_it(calibrate: Callable[[Graph], Path]) -> None:
    floats, dynamic = made(padded)
    quantized = transform(dynamic, "mkl_fuse_pad_and_conv")
    assert "Pad" not in {node.op for node in quantized.nodes.values()}
    assert error(run(quantized, X), run(floats, X)) < TOLERANCE
    fused = transform(frozen(quantized, calibrate(quantized)), "fuse_quantized_conv_and_requantize strip_unused_nodes")
    assert kernels(fused) == [RELU, RELU, RELU]
    assert error(run(fused, X), run(floats, X)) < TOLERANCE


@pytest.mark.parametrize("output", ["c2/relu", "pad"])
def test_what_others_read_beside_the_padded_conv_stays(output: str) -> None:
    floats, dynamic = made(lambda g, x: (*padded(g, x), output))
    quantized = transform(dynamic, "mkl_fuse_pad_and_conv")
    assert "Conv2D" not in {node.op for node in quantized.nodes.values()}
    assert error(run(quantized, X), run(floats, X)) < TOLERANCE


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param({"padding": "SAME"}, "it pads by itself", id="same"),
        pytest.param({"data_format": "NCHW"}, "it pads by itself, or is NCHW", id="channels_first"),
    ],
)
def test_a_padded_conv_of_another_kind_stays_float(
    change: dict[str, object], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    _, dynamic = made(padded)
    nodes = {**dynamic.nodes, "c2": dynamic.nodes["c2"].with_attrs(**change)}
    graph = dynamic.with_nodes(nodes.values())
    assert transform(graph, "mkl_fuse_pad_and_conv") == graph
    assert why in caplog.text


def test_a_pad_of_signed_codes_stays_float(caplog: pytest.LogCaptureFixture) -> None:
    def linear(g: IntelGraph, x: str) -> tuple[str, ...]:
        a = g.conv("c1", x, w(3, 3, 4, 8, seed=1), bias=w(8, seed=2))
        p = g.op("pad", "Pad", a, g.const("pads", np.ones((4, 2), np.int32)), Tpaddings=DType("int32"))
        window = {"strides": (1, 1, 1, 1), "padding": "VALID"}
        return (g.op("c2", "Conv2D", p, g.const("c2/w", w(3, 3, 8, 8, seed=3)), **window),)

    _, dynamic = made(linear)
    assert transform(dynamic, "mkl_fuse_pad_and_conv") == dynamic
    assert "Conv2D 'c2' stays float" in caplog.text


@pytest.mark.parametrize("net", [dense, dense_scaled], ids=lambda net: net.__name__)
def test_matmuls_are_fused_whatever_the_mode_of_their_input(net: Net, calibrate: Callable[[Graph], Path]) -> None:
    floats, dynamic = made(net)
    log = calibrate(dynamic)
    fused = transform(frozen(dynamic, log), "fuse_quantized_matmul_and_requantize strip_unused_nodes")
    assert set(kernels(fused)) == {"_QMatMul"}
    assert error(run(fused, X), run(floats, X)) < TOLERANCE


def test_entry_ranges_are_frozen_too(calibrate: Callable[[Graph, str], Path]) -> None:
    floats, dynamic = made(conv_bias_relu)
    log = calibrate(dynamic, f"{LOG} {LOG_ENTRY}")
    lists = [f'{name}(min_max_log_file="{log}")' for name in ("freeze_max", "freeze_min")]
    entry = transform(frozen(dynamic, log), " ".join([*lists, "fuse_quantized_conv_and_requantize strip_unused_nodes"]))
    assert not {"Max", "Min", "Reshape"} & {node.op for node in entry.nodes.values()}
    name = next(node.name for node in entry.nodes.values() if node.op == "QuantizeV2")
    low, high = (const_value(entry.nodes[t]) for t in entry.nodes[name].inputs[1:])
    assert (low, high) == (np.maximum(X, 0).min(), np.maximum(X, 0).max())
    assert error(run(entry, X), run(floats, X)) < TOLERANCE


RERANGE = "fuse_quantized_conv_and_requantize rerange_quantized_concat strip_unused_nodes"


def ranges_of(graph: Graph, concat: str) -> set[float]:
    """The high ends of the ranges of the kernels before a concat."""
    node = graph.nodes[concat]
    parts = [graph.nodes[t] for t in node.data_inputs[: node.integer("N")]]
    return {float(const_value(graph.producer(part.data_inputs[8]))) for part in parts}


@pytest.mark.parametrize("per_channel", [False, True], ids=["per_tensor", "per_channel"])
def test_the_parts_of_a_concat_get_one_range(per_channel: bool, calibrate: Callable[[Graph], Path]) -> None:
    floats, dynamic = made(inception, per_channel=per_channel)
    ready = frozen(dynamic, calibrate(dynamic))
    before, after = transform(ready, RERANGE.replace("rerange_quantized_concat", "")), transform(ready, RERANGE)
    wide = ranges_of(before, "cat_eightbit_quantized_concatv2")
    assert len(wide) == 2
    assert ranges_of(after, "cat_eightbit_quantized_concatv2") == {max(wide)}
    assert error(run(after, X), run(floats, X)) < TOLERANCE
    assert transform(after, "rerange_quantized_concat") == after


def test_before_the_kernels_are_fused_there_is_nothing_to_rerange(
    calibrate: Callable[[Graph], Path], caplog: pytest.LogCaptureFixture
) -> None:
    _, dynamic = made(inception)
    ready = frozen(dynamic, calibrate(dynamic))
    assert transform(ready, "rerange_quantized_concat") == ready
    assert "Requantize 'c2_eightbit_requantize' feeds it; wanted convs with a frozen range" in caplog.text


def test_a_range_that_another_kernel_shares_is_left_to_it(calibrate: Callable[[Graph], Path]) -> None:
    def twice(g: IntelGraph, x: str) -> tuple[str, ...]:
        return (*inception(g, x), g.conv("other", x, w(3, 3, 4, 8, seed=1), bias=w(8, seed=2), relu="Relu"))

    floats, dynamic = made(twice)
    ready = transform(frozen(dynamic, calibrate(dynamic)), "fuse_quantized_conv_and_requantize merge_duplicate_nodes")
    other = ready.nodes["other_eightbit_requantize"].data_inputs[8]
    assert other in ready.nodes["c1_eightbit_requantize"].data_inputs
    after = transform(ready, "rerange_quantized_concat strip_unused_nodes")
    assert after.nodes["other_eightbit_requantize"].data_inputs[8] == other
    assert error(run(after, X), run(floats, X)) < TOLERANCE


@pytest.mark.parametrize("target", ["fused", "public"])
@pytest.mark.parametrize("net", [residual, depthwise_relu6, inception, projection], ids=lambda net: net.__name__)
def test_biases_become_whole_numbers_where_the_ranges_are_known(
    net: Net, target: Target, calibrate: Callable[[Graph], Path], caplog: pytest.LogCaptureFixture
) -> None:
    """The first conv's input, and a concat's range, are measured as the graph runs; the others are their makers'."""
    floats, dynamic = made(net, per_channel=True, legacy=False)
    ready = frozen(dynamic, calibrate(dynamic))
    plain, whole = (
        transform(ready, f"fuse_quantized_conv_and_requantize(target={target}, bias={bias})")
        for bias in ("float32", "qint32")
    )
    kinds = {n.name: n.dtype("Tbias") for n in whole.nodes.values() if "Tbias" in n.attrs}
    kept = [name for name, kind in kinds.items() if kind == "float32"]
    assert len(kept) == (2 if net is inception else 1) < len(kinds)
    assert all(f"{name!r} keeps its float32 bias: the range of its input, " in caplog.text for name in kept)
    assert error(run(whole, X), run(plain, X)) < 1.05 / 255
    assert error(run(whole, X), run(floats, X)) < TOLERANCE


def test_with_the_entry_frozen_every_bias_is_a_whole_number(calibrate: Callable[[Graph, str], Path]) -> None:
    floats, dynamic = made(residual)
    log = calibrate(dynamic, f"{LOG} {LOG_ENTRY}")
    entry = f'freeze_max(min_max_log_file="{log}") freeze_min(min_max_log_file="{log}")'
    fused = transform(frozen(dynamic, log), f"{entry} fuse_quantized_conv_and_requantize(bias=qint32)")
    assert {n.dtype("Tbias") for n in fused.nodes.values() if "Tbias" in n.attrs} == {"qint32"}
    assert error(run(fused, X), run(floats, X)) < TOLERANCE
