"""The fused resize and padding: fuse_convolutions, and the three transforms that it is made of."""

import logging
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from examples import example, random, values
from octavo.graph import Graph
from octavo.graph.attrs import TensorShape
from octavo.graph.rewrite import Outcome
from octavo.transform_graph.transforms.fuse_convolutions import fuse_convolutions
from octavo.transform_graph.transforms.fuse_pad_and_conv import fuse_pad_and_conv
from octavo.transform_graph.transforms.fuse_resize_and_conv import fuse_resize_and_conv
from octavo.transform_graph.transforms.fuse_resize_pad_and_conv import fuse_resize_pad_and_conv

TOLERANCE = 1e-5
"""Largest difference, relative to the largest magnitude, between a graph's output before and after."""

RESIZE = "r = ResizeBilinear(x, size)"
PAD = 'p = MirrorPad(x, paddings) mode="REFLECT"'
BOTH = f'{RESIZE}\np = MirrorPad(r, paddings) mode="SYMMETRIC"'


def graph_of(
    text: str, *, batch: str = "1", outputs: tuple[str, ...] = ("y",), dtype: type[np.generic] = np.int32
) -> Graph:
    consts = {
        "w": random(3, 3, 2, 3),
        "size": np.array([9, 7], np.int32),
        "paddings": np.array([[0, 0], [1, 2], [2, 0], [0, 0]], dtype),
    }
    placeholder = f"x = Placeholder() shape=<{batch},5,6,2>"
    return example(f"{placeholder}\n{text}", inputs=("x",), outputs=outputs, consts=consts).without_dead_nodes()


def ops(graph: Graph) -> list[str]:
    return [node.op for node in graph.nodes.values() if node.op not in {"Const", "Placeholder"}]


def assert_same_output(before: Graph, after: Graph) -> None:
    x = random(1, 5, 6, 2, seed=9)
    for old, new in zip(values(before, {"x": x}), values(after, {"x": x}), strict=True):
        np.testing.assert_allclose(new, old, rtol=0, atol=TOLERANCE * np.abs(old).max())


@pytest.mark.parametrize(
    ("transform", "text", "fused"),
    [
        pytest.param(fuse_resize_pad_and_conv, f"{BOTH}\ny = Conv2D(p, w)", "FusedResizeAndPadConv2D", id="both"),
        pytest.param(fuse_resize_and_conv, f"{RESIZE}\ny = Conv2D(r, w)", "FusedResizeAndPadConv2D", id="resize"),
        pytest.param(fuse_pad_and_conv, f"{PAD}\ny = Conv2D(p, w)", "FusedPadConv2D", id="pad"),
        pytest.param(fuse_convolutions, f"{BOTH}\ny = Conv2D(p, w)", "FusedResizeAndPadConv2D", id="umbrella_both"),
        pytest.param(fuse_convolutions, f"{RESIZE}\ny = Conv2D(r, w)", "FusedResizeAndPadConv2D", id="umbrella_resize"),
        pytest.param(fuse_convolutions, f"{PAD}\ny = Conv2D(p, w)", "FusedPadConv2D", id="umbrella_pad"),
    ],
)
@pytest.mark.parametrize("more", ['padding="SAME"', "strides=[1, 2, 2, 1]"])
def test_a_conv_takes_in_what_stands_before_it(
    transform: Callable[[Graph], Outcome], text: str, fused: str, more: str
) -> None:
    before = graph_of(f"{text} {more}")
    after = transform(before).graph
    assert ops(after) == [fused]
    assert_same_output(before, after)
    assert transform(after).graph == after


def test_aligned_corners_stay_aligned() -> None:
    before = graph_of(f"{RESIZE} align_corners=true\ny = Conv2D(r, w)")
    after = fuse_resize_and_conv(before).graph
    assert after.nodes["y"].flag("resize_align_corners")
    assert_same_output(before, after)


def test_paddings_of_int64_become_int32() -> None:
    before = graph_of(f"{PAD} Tpaddings=int64\ny = Conv2D(p, w)", dtype=np.int64)
    after = fuse_pad_and_conv(before).graph
    assert after.nodes["y"].inputs == ("x", "y/paddings", "w")
    assert_same_output(before, after)


def test_control_edges_stay() -> None:
    text = 'init = NoOp()\np = MirrorPad(x, paddings, ^init) mode="REFLECT"\ny = Conv2D(p, w, ^init)'
    assert fuse_pad_and_conv(graph_of(text)).graph.nodes["y"].inputs == ("x", "paddings", "w", "^init")


@pytest.mark.parametrize("batch", ["2", "?"])
def test_a_batch_that_may_hold_more_than_one_image_stays(batch: str, caplog: pytest.LogCaptureFixture) -> None:
    graph = graph_of(f"{PAD}\ny = Conv2D(p, w)", batch=batch)
    with caplog.at_level(logging.WARNING):
        assert fuse_convolutions(graph).graph == graph
    [record] = caplog.records
    assert record.getMessage() == (
        "fuse_pad_and_conv: Conv2D 'y' stays: the batch may hold more than one image, and TensorFlow's fused op gets "
        "all but the first wrong"
    )


def test_tensorflows_kernel_still_gets_the_second_image_wrong() -> None:
    """When this fails, TensorFlow has mended its kernel, and batches of any size may be fused."""
    before = graph_of(f"{PAD}\ny = Conv2D(p, w)")
    after = fuse_pad_and_conv(before).graph
    shape = {"shape": TensorShape((2, 5, 6, 2))}
    x = random(2, 5, 6, 2, seed=9)
    [old], [new] = (
        values(replace(graph, nodes={**graph.nodes, "x": graph.nodes["x"].with_attrs(**shape)}), {"x": x})
        for graph in (before, after)
    )
    np.testing.assert_allclose(new[0], old[0], atol=1e-5)
    assert np.abs(new[1] - old[1]).max() > 0.1


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{RESIZE} half_pixel_centers=true\ny = Conv2D(r, w)", id="half_pixel_centers"),
        pytest.param(f"{PAD}\ny = Conv2D(p, w) dilations=[1, 2, 2, 1]", id="dilations"),
        pytest.param(
            f'{PAD}\ny = Conv2D(p, w) padding="EXPLICIT" explicit_paddings=[0, 0, 1, 1, 1, 1, 0, 0]', id="explicit"
        ),
        pytest.param(f"{PAD}\nr = Relu(p)\ny = Conv2D(r, w)", id="relu_between"),
        pytest.param("p = Pad(x, paddings)\ny = Conv2D(p, w)", id="zero_padding"),
        pytest.param(f"{PAD}\nc = Conv2D(p, w)\nr = Relu(p)\ny = IdentityN(c, r) T=[float32, float32]", id="read"),
        pytest.param("r = ResizeNearestNeighbor(x, size)\ny = Conv2D(r, w)", id="another_resize"),
    ],
)
def test_near_misses_are_left_alone(text: str) -> None:
    graph = graph_of(text)
    assert fuse_convolutions(graph).graph == graph


def test_what_is_fetched_is_left_alone() -> None:
    graph = graph_of(f"{PAD}\ny = Conv2D(p, w)", outputs=("p", "y"))
    assert fuse_convolutions(graph).graph == graph


def test_paddings_of_the_channels_are_left_alone() -> None:
    more = "q = Const() value=int32<4,2>[0, 0, 1, 1, 1, 1, 1, 0]\nv = Const() value=float32<1,1,3,1>[1]"
    graph = graph_of(f"{more}\n{PAD.replace('paddings', 'q')}\ny = Conv2D(p, v)")
    assert fuse_pad_and_conv(graph).graph == graph
