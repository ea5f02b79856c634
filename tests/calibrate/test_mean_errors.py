"""Bias corrections of a batch's mean, against TensorFlow's op on the rounding errors, run whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from octavo.calibrate.mean_errors import MeanError, shares
from octavo.graph import Node
from octavo.graph.attrs import DType
from octavo.graph.op_defs import with_default_attrs
from octavo.graph.tensors import Array

TOLERANCE = 2e-5
"""Of sums of some hundred products of numbers near 1, in float32."""


def conv(op: str, *, stride: int, dilation: int, padding: str, explicit: tuple[int, ...] = ()) -> Node:
    attrs = {
        "T": DType("float32"),
        "strides": (1, stride, stride, 1),
        "dilations": (1, dilation, dilation, 1),
        "padding": padding,
        **({"explicit_paddings": tuple(explicit)} if explicit else {}),
    }
    return with_default_attrs(Node("conv", op, ("mean", "error"), attrs))


def by_tensorflow(op: Node, mean: Array, error: Array) -> Array:
    """The mean of the op's outputs over all positions, float32 [channels]."""
    import tensorflow as tf

    padding = op.text("padding")
    if padding == "EXPLICIT":
        mean, padding = np.pad(mean, np.reshape(op.integers("explicit_paddings"), (4, 2))), "VALID"
    strides, dilations = op.integers("strides"), op.integers("dilations")
    if op.op == "Conv2D":
        made = tf.nn.conv2d(mean, error, strides, padding, dilations=dilations)
    else:
        made = tf.nn.depthwise_conv2d(mean, error, strides, padding, dilations=dilations[1:3])
    return np.asarray(tf.reduce_mean(made, [0, 1, 2]))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_convs_correction_is_the_mean_of_its_outputs(data: st.DataObject) -> None:
    op = data.draw(st.sampled_from(["Conv2D", "DepthwiseConv2dNative"]))
    height, width = data.draw(st.tuples(st.integers(5, 12), st.integers(5, 12)))
    taps = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    padding = data.draw(st.sampled_from(["SAME", "VALID", "EXPLICIT"]))
    dilation = data.draw(st.integers(1, 2))
    stride = 1 if dilation > 1 else data.draw(st.integers(1, 3))
    sides = tuple(data.draw(st.integers(0, 2)) for _ in range(4))
    explicit = (0, 0, *sides, 0, 0) if padding == "EXPLICIT" else ()
    groups = data.draw(st.integers(1, 2)) if op == "Conv2D" else 1
    random = np.random.default_rng(height)
    channels = 3
    mean = random.normal(size=(1, height, width, channels * groups)).astype(np.float32)
    error = random.normal(size=(*taps, channels, 4)).astype(np.float32)
    node = conv(op, stride=stride, dilation=dilation, padding=padding, explicit=explicit)
    wanted = by_tensorflow(node, mean, error)
    np.testing.assert_allclose(MeanError(node, "mean", error).of(mean), wanted, atol=TOLERANCE)


def test_a_conv_with_channels_first_makes_the_same_correction() -> None:
    random = np.random.default_rng(0)
    mean, error = random.normal(size=(1, 7, 9, 3)), random.normal(size=(3, 2, 3, 5))
    last = conv("Conv2D", stride=2, dilation=1, padding="SAME")
    first = Node(
        last.name,
        last.op,
        last.inputs,
        {**last.attrs, "data_format": "NCHW", "strides": (1, 1, 2, 2)},
    )
    wanted = MeanError(last, "mean", error).of(mean)
    np.testing.assert_array_equal(MeanError(first, "mean", error).of(np.moveaxis(mean, 3, 1)), wanted)


def test_a_mean_in_front_of_a_pad_makes_the_correction_of_the_padded_one() -> None:
    random = np.random.default_rng(0)
    mean, error = random.normal(size=(1, 6, 7, 3)), random.normal(size=(3, 3, 3, 5))
    node = conv("Conv2D", stride=2, dilation=1, padding="VALID")
    padding = np.array([[0, 0], [1, 0], [2, 1], [0, 0]], np.int32)
    wanted = MeanError(node, "mean", error).of(np.pad(mean, padding))
    np.testing.assert_array_equal(MeanError(node, "mean", error, padding).of(mean), wanted)


@pytest.mark.parametrize("transposed", [False, True])
def test_a_matmuls_correction_is_its_output_for_the_mean(transposed: bool) -> None:
    random = np.random.default_rng(0)
    mean, matrix = random.normal(size=(1, 6)).astype(np.float32), random.normal(size=(6, 4)).astype(np.float32)
    attrs = {"T": DType("float32"), "transpose_b": transposed}
    node = with_default_attrs(Node("dense", "MatMul", ("mean", "error"), attrs))
    made = MeanError(node, "mean", matrix.T if transposed else matrix).of(mean)
    np.testing.assert_allclose(made, (mean @ matrix)[0], atol=TOLERANCE)


def test_errors_in_a_file_make_the_same_correction(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    mean, error = random.normal(size=(1, 5, 5, 3)), random.normal(size=(3, 3, 3, 5)).astype(np.float32)
    held = MeanError(conv("Conv2D", stride=1, dilation=1, padding="SAME"), "mean", error)
    mapped = held.mapped(tmp_path / "error.npy")
    assert isinstance(mapped.error, np.memmap)
    np.testing.assert_array_equal(mapped.of(mean), held.of(mean))


def test_every_position_reads_a_whole_window_where_nothing_is_padded() -> None:
    np.testing.assert_allclose(shares(9, 3, 2, 1, (0, 0)).sum(axis=1), 1, rtol=1e-6)


def test_an_edge_taps_share_lacks_what_the_padding_takes() -> None:
    np.testing.assert_allclose(shares(4, 3, 1, 1, (1, 1)).sum(axis=1), [3 / 4, 1, 3 / 4], rtol=1e-6)
