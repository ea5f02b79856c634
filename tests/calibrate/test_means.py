from __future__ import annotations

import numpy as np
import pytest

from octavo.calibrate.means import with_means
from octavo.graph.text import parse_graph

CORRECTION = "eightbit_bias_correction/conv"

PADDED = f"""
x = Placeholder() dtype=float32
sides = Const() value=int32<4,2>[0, 0, 1, 1, 1, 1, 0, 0]
pad = Pad(x, sides) T=float32
batch = Const() value=int32<1>[0]
mean = Mean(pad, batch) T=float32 keep_dims=true
conv_rounding_error = Const() value=float32<1,1,1,1>[0.5]
off = Conv2D(mean, conv_rounding_error) T=float32 strides=[1,1,1,1] padding="VALID"
places = Const() value=int32<3>[0, 1, 2]
{CORRECTION} = Mean(off, places) T=float32
"""


def test_a_mean_of_what_is_padded_with_zeros_is_taken_in_front_of_the_pad() -> None:
    graph, (error,) = with_means(parse_graph(PADDED, outputs=[CORRECTION]), [CORRECTION])
    assert graph.outputs == ("mean",)
    assert graph.nodes["mean"].inputs == ("x", "batch")
    assert "pad" not in graph.nodes
    assert error is not None
    assert error.padding is not None
    assert error.padding.tolist() == [[0, 0], [1, 1], [1, 1], [0, 0]]
    assert error.of(np.ones((1, 2, 2, 1), np.float32)) == pytest.approx([4 / 16 * 0.5])


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        pytest.param("[0, 0, 1, 1, 1, 1, 0, 0]", "[1, 0, 1, 1, 1, 1, 0, 0]", id="examples are added"),
        pytest.param("pad = Pad(x, sides)", 'pad = MirrorPad(x, sides) mode="REFLECT"', id="not with zeros"),
        pytest.param("batch = Const() value=int32<1>[0]", "batch = Const() value=int32<1>[1]", id="of another axis"),
        pytest.param("sides = Const() value=int32<4,2>[0, 0, 1, 1, 1, 1, 0, 0]", "sides = Shape(x)", id="not known"),
    ],
)
def test_a_mean_of_what_is_padded_in_another_way_stays_behind_the_pad(there: str, instead: str) -> None:
    assert there in PADDED
    graph, (error,) = with_means(parse_graph(PADDED.replace(there, instead), outputs=[CORRECTION]), [CORRECTION])
    assert graph.nodes["mean"].inputs == ("pad", "batch")
    assert error is not None
    assert error.padding is None


def test_a_correction_that_is_made_in_another_way_is_measured_as_it_stands() -> None:
    text = PADDED.replace("conv_rounding_error = Const() value=float32<1,1,1,1>[0.5]", "conv_rounding_error = Neg(x)")
    graph, errors = with_means(parse_graph(text, outputs=[CORRECTION]), [CORRECTION])
    assert errors == (None,)
    assert graph.outputs == (CORRECTION,)
