from typing import Any

import numpy as np
import pytest

from examples import example, random, values
from octavo.graph import Graph, const_value
from octavo.graph.text import to_text
from octavo.transform_graph.transforms.flatten_atrous_conv import flatten_atrous_conv

TOLERANCE = 1e-5
"""Largest difference, relative to the largest magnitude, between a graph's output before and after."""

CONV = "c = Conv2D(s, w)"
DEPTHWISE = "c = DepthwiseConv2dNative(s, w)"


def atrous(
    conv: str = CONV,
    *,
    taps: tuple[int, int] = (3, 3),
    block: tuple[int, int] = (2, 2),
    paddings: tuple[int, int, int, int] = (2, 2, 2, 2),
    crops: tuple[int, int, int, int] = (0, 0, 0, 0),
    tail: str = "",
    outputs: tuple[str, ...] = ("y",),
) -> Graph:
    consts = {
        "w": random(*taps, 2, 3),
        "block": np.array(block, np.int32),
        "paddings": np.array(paddings, np.int32).reshape(2, 2),
        "crops": np.array(crops, np.int32).reshape(2, 2),
    }
    text = f"""
        x = Placeholder() shape=<?,8,8,2>
        s = SpaceToBatchND(x, block, paddings)
        {conv}
        y = BatchToSpaceND(c, block, crops)
        {tail}
    """
    return example(text, inputs=("x",), outputs=outputs, consts=consts)


def assert_same_output(before: Graph, after: Graph) -> None:
    x = random(2, 8, 8, 2, seed=9)
    for old, new in zip(values(before, {"x": x}), values(after, {"x": x}), strict=True):
        np.testing.assert_allclose(new, old, rtol=0, atol=TOLERANCE * np.abs(old).max())


@pytest.mark.parametrize("conv", [CONV, DEPTHWISE])
@pytest.mark.parametrize(
    ("geometry", "padding"),
    [
        pytest.param({}, "SAME", id="same"),
        pytest.param({"paddings": (0, 0, 0, 0)}, "VALID", id="no_padding"),
        pytest.param({"paddings": (2, 4, 2, 4), "crops": (0, 2, 0, 2)}, "SAME", id="padded_to_the_block_and_cropped"),
        pytest.param({"paddings": (1, 3, 0, 2)}, "EXPLICIT", id="uneven"),
        pytest.param({"paddings": (3, 1, 2, 2), "crops": (1, 0, 0, 1)}, "EXPLICIT", id="cropped_in_front"),
        pytest.param({"taps": (2, 4), "paddings": (1, 1, 3, 3)}, "SAME", id="even_filters"),
        pytest.param({"taps": (1, 1), "paddings": (0, 0, 0, 0)}, "VALID", id="one_tap"),
        pytest.param({"block": (2, 3), "paddings": (0, 0, 2, 2)}, "EXPLICIT", id="uneven_block"),
    ],
)
def test_the_flat_conv_pads_what_the_three_ops_leave(conv: str, geometry: dict[str, Any], padding: str) -> None:
    before = atrous(conv, **geometry)
    after = flatten_atrous_conv(before).graph
    assert [n.op for n in after.nodes.values() if n.op != "Const"] == ["Placeholder", conv.split()[2].partition("(")[0]]
    assert after.nodes["y"].text("padding") == padding
    assert_same_output(before, after)
    assert flatten_atrous_conv(after).graph == after


def test_the_convs_own_padding_counts() -> None:
    before = atrous(f'{CONV} padding="SAME"', paddings=(0, 0, 0, 0))
    after = flatten_atrous_conv(before).graph
    assert after.nodes["y"].text("padding") == "SAME"
    assert_same_output(before, after)


def test_explicit_paddings_of_the_conv_count() -> None:
    conv = f'{CONV} padding="EXPLICIT" explicit_paddings=[0, 0, 1, 0, 0, 2, 0, 0]'
    before = atrous(conv, paddings=(0, 2, 0, 2))
    after = flatten_atrous_conv(before).graph
    assert after.nodes["y"].integers("explicit_paddings") == (0, 0, 2, 2, 0, 6, 0, 0)
    assert_same_output(before, after)


def test_a_filter_that_others_read_is_copied() -> None:
    before = atrous(tail="z = Relu(w)", outputs=("y", "z"))
    after = flatten_atrous_conv(before).graph
    assert after.nodes["y"].inputs == ("x", "y/flat_filter")
    assert const_value(after.nodes["w"]).shape == (3, 3, 2, 3)
    assert_same_output(before, after)


def test_two_convs_may_share_the_space_to_batch() -> None:
    before = atrous(tail="d = Conv2D(s, w)\nz = BatchToSpaceND(d, block, crops)", outputs=("y", "z"))
    after = flatten_atrous_conv(before).graph
    assert "s" not in after.nodes
    assert_same_output(before, after)


def test_control_edges_and_the_dtype_stay() -> None:
    text = to_text(flatten_atrous_conv(atrous("init = NoOp()\nc = Conv2D(s, w, ^init)")).graph)
    assert "y = Conv2D(x, w, ^init)" in text
    assert flatten_atrous_conv(atrous()).graph.nodes["w"].dtype("dtype") == "float32"


@pytest.mark.parametrize(
    "graph",
    [
        pytest.param(atrous(f"{CONV} strides=[1, 2, 2, 1]"), id="strides"),
        pytest.param(atrous(f"{CONV} dilations=[1, 2, 2, 1]"), id="dilations"),
        pytest.param(atrous(f"{CONV}\nr = Relu(c)", outputs=("y", "r")), id="conv_read_twice"),
        pytest.param(atrous(outputs=("y", "c")), id="conv_fetched"),
        pytest.param(atrous(crops=(2, 2, 3, 1), paddings=(2, 2, 2, 2)), id="crops_beyond_the_padding"),
        pytest.param(atrous("other = Conv2D(s, w)\nc = Relu(other)"), id="relu_between"),
    ],
)
def test_near_misses_are_left_alone(graph: Graph) -> None:
    assert to_text(flatten_atrous_conv(graph).graph) == to_text(graph)


@pytest.mark.parametrize("name", ["paddings", "crops", "block", "w"])
def test_what_is_computed_is_left_alone(name: str) -> None:
    graph = atrous()
    fed = graph.with_ends(("x", name), graph.outputs)
    assert flatten_atrous_conv(fed).graph == fed
