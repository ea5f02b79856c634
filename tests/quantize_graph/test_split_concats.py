"""A conv behind a concat of two tensors becomes two convs and a sum; near misses stay as they are."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import example, random, values
from graphs import build, freeze, run
from octavo.graph import Graph
from octavo.int8.lowering import lower
from octavo.quantize_graph.quantize import quantize
from octavo.quantize_graph.split_concats import split_concats
from octavo.recipe import Override, Recipe

TOLERANCE = 1e-6
"""Largest difference, relative to the largest magnitude: the two graphs sum in another order."""

Weights = dict[str, np.ndarray]


def joined(body: str, *, outputs: tuple[str, ...] = ("y",), weights: Weights | None = None, axis: int = 3) -> Graph:
    consts = {"w": random(1, 1, 8, 4), "bias": random(4, seed=1), "axis": np.array(axis, np.int32), **(weights or {})}
    text = f"""
        a = Placeholder() shape=<?,6,6,5>
        b = Placeholder() shape=<?,6,6,3>
        {body}
    """
    return example(text, inputs=("a", "b"), outputs=outputs, consts=consts)


PLAIN = """
    j = ConcatV2(a, b, axis)
    c = Conv2D(j, w)
    s = BiasAdd(c, bias)
    y = Relu(s)
"""


def split(graph: Graph, leave: Callable[[Any], bool] = lambda _: False) -> Graph:
    return split_concats(graph, leave)[0]


def ops(graph: Graph) -> Counter[str]:
    return Counter(n.op for n in graph.nodes.values() if n.op not in {"Const", "Placeholder"})


def assert_same(before: Graph, after: Graph) -> None:
    feeds = {"a": random(2, 6, 6, 5, seed=8), "b": random(2, 6, 6, 3, seed=9)}
    for old, new in zip(values(before, feeds), values(after, feeds), strict=True):
        np.testing.assert_allclose(new, old, rtol=0, atol=TOLERANCE * np.abs(old).max())


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        pytest.param(PLAIN, {"Conv2D": 2, "BiasAdd": 1, "AddV2": 1, "Relu": 1}, id="with_a_bias"),
        pytest.param(
            "j = ConcatV2(a, b, axis)\n c = Conv2D(j, w)\n y = Relu(c)",
            {"Conv2D": 2, "AddV2": 1, "Relu": 1},
            id="without_a_bias",
        ),
        pytest.param(
            """
            j = ConcatV2(a, b, axis)
            p = MaxPool(j) ksize=[1, 2, 2, 1] strides=[1, 2, 2, 1]
            c = Conv2D(p, w)
            s = AddV2(bias, c)
            y = Relu(s)
            """,
            {"MaxPool": 2, "Conv2D": 2, "AddV2": 2, "Relu": 1},
            id="behind_a_pool",
        ),
        pytest.param(
            PLAIN.replace("a, b, axis", "b, b2, axis").replace("j =", "b2 = Relu6(a)\n j ="), None, id="uneven"
        ),
    ],
)
def test_the_parts_sum_to_what_the_conv_was(body: str, wanted: dict[str, int] | None) -> None:
    before = joined(body)
    after = split(before)
    assert wanted is None or ops(after) == wanted
    assert "ConcatV2" not in ops(after)
    assert "c" in after.nodes
    assert_same(before, after)


@settings(max_examples=15, deadline=None)
@given(
    channels=st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 5)),
    size=st.sampled_from([1, 3]),
    stride=st.sampled_from([1, 2]),
    padding=st.sampled_from(["SAME", "VALID"]),
)
def test_any_geometry_keeps_its_output(channels: tuple[int, int, int], size: int, stride: int, padding: str) -> None:
    first, second, out = channels
    text = f"""
        a = Placeholder() shape=<?,6,6,{first}>
        b = Placeholder() shape=<?,6,6,{second}>
        j = ConcatV2(a, b, axis)
        y0 = Conv2D(j, w) strides=[1, {stride}, {stride}, 1] padding="{padding}"
        y = Relu(y0)
    """
    consts = {"w": random(size, size, first + second, out), "axis": np.array(-1, np.int32)}
    before = example(text, inputs=("a", "b"), outputs=("y",), consts=consts)
    after = split(before)
    assert ("ConcatV2" in ops(after)) == (2 * out > first + second)
    feeds = {"a": random(2, 6, 6, first, seed=1), "b": random(2, 6, 6, second, seed=2)}
    (old,), (new,) = values(before, feeds), values(after, feeds)
    np.testing.assert_allclose(new, old, rtol=0, atol=TOLERANCE * max(1.0, np.abs(old).max()))


@pytest.mark.parametrize(
    "graph",
    [
        pytest.param(joined(PLAIN + "z = Abs(j)", outputs=("y", "z")), id="another_reader_of_the_concat"),
        pytest.param(joined(PLAIN, outputs=("y", "j")), id="the_concat_is_an_output"),
        pytest.param(joined(PLAIN, outputs=("s",)), id="the_bias_add_is_an_output"),
        pytest.param(
            joined(PLAIN.replace("a, b, axis", "a, b, b, axis"), weights={"w": random(1, 1, 11, 4)}), id="three"
        ),
        pytest.param(
            joined(PLAIN, weights={"w": random(1, 1, 8, 5), "bias": random(5)}),
            id="more_than_half_as_many_channels_out",
        ),
        pytest.param(
            joined(
                PLAIN.replace("a, b, axis", "b, d, axis").replace("j =", "d = Relu(b)\n j ="),
                axis=1,
                weights={"w": random(1, 1, 3, 1), "bias": random(1)},
            ),
            id="rows_are_joined",
        ),
        pytest.param(
            joined(
                """
                j = ConcatV2(a, b, axis)
                c = Conv2D(j, w)
                s = BiasAdd(c, bias)
                o = Conv2D(a, v)
                t = AddV2(s, o)
                y = Relu(t)
                """,
                weights={"v": random(1, 1, 5, 4)},
            ),
            id="a_sum_follows_already",
        ),
        pytest.param(joined("j = ConcatV2(a, b, axis)\n y = Conv2D(w, j)"), id="the_concat_is_the_filter"),
    ],
)
def test_near_misses_stay(graph: Graph) -> None:
    assert split(graph) is graph


@pytest.mark.parametrize("name", ["j", "c"])
def test_what_a_rule_is_about_stays(name: str) -> None:
    graph = joined(PLAIN)
    assert split(graph, lambda node: node.name == name) is graph


def test_control_edges_stay() -> None:
    before = joined("n = NoOp()\n" + PLAIN.replace("axis)", "axis, ^n)"))
    after = split(before)
    assert {n.name for n in after.nodes.values() if "^n" in n.inputs} == {"c", "c/first"}
    assert_same(before, after)


def fire(tf: Any, x: Any) -> Any:
    """Two modules as SqueezeNet has them: squeeze, expand twice, join."""

    def conv(x: Any, size: int, channels: int, name: str) -> Any:
        weights = random(size, size, x.shape[-1], channels, seed=len(name))
        y = tf.nn.bias_add(tf.nn.conv2d(x, weights, 1, "SAME", name=name), random(channels, seed=3))
        return tf.nn.relu(y)

    for n in (1, 2):
        x = conv(x, 1, 4, f"squeeze{n}")
        x = tf.concat([conv(x, 1, 8, f"one{n}"), conv(x, 3, 8, f"three{n}")], 3, name=f"join{n}")
    return conv(x, 1, 4, "last")


def image() -> np.ndarray:
    return np.random.default_rng(5).normal(size=(2, 8, 8, 3)).astype(np.float32)


@pytest.mark.int8
def test_the_kernels_add_the_parts_and_nothing_is_joined() -> None:
    graph = build(fire, (None, 8, 8, 3))
    dynamic, decisions = quantize(graph, Recipe())
    int8 = lower(freeze(dynamic, image())).graph
    (old,), (new,) = run(graph, image()), run(int8, image())
    kinds = ops(int8)
    assert "QuantizedConcatV2" not in kinds
    assert kinds["_FusedQuantizedConv2D"] == 9  # seven convs, two of which are two now
    assert "AddV2" not in kinds
    assert {d.name for d in decisions if d.note and "read the concat 'join1'" in d.note} == {
        "squeeze2",
        "squeeze2/first",
    }
    assert np.abs(new - old).max() < 0.03 * np.abs(old).max()  # eight bits, four roundings deep


@pytest.mark.parametrize(
    "recipe",
    [
        pytest.param(Recipe(split_concats=False), id="switched_off"),
        pytest.param(Recipe(excluded_nodes=("join.",)), id="the_concats_are_excluded"),
        pytest.param(Recipe(excluded_ops=("ConcatV2",)), id="concats_are_excluded"),
        pytest.param(
            Recipe(overrides=(Override(nodes="squeeze2|last", per_channel=False),)), id="the_convs_have_a_rule"
        ),
    ],
)
def test_the_recipe_keeps_the_concats(recipe: Recipe) -> None:
    dynamic, decisions = quantize(build(fire, (None, 8, 8, 3)), recipe)
    assert ops(dynamic)["ConcatV2"] == 2
    assert {d.name for d in decisions if d.op in {"Conv2D", "MatMul"}} == {
        "squeeze1",
        "one1",
        "three1",
        "squeeze2",
        "one2",
        "three2",
        "last",
    }
