from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from examples import example, random, values
from graphs import build, quantized
from int8_runs import run_apart
from octavo.errors import GraphError, SpecError
from octavo.graph import Graph
from octavo.graph.op_defs import is_quantized
from octavo.recipe import Target
from octavo.transform_graph.transforms.split_batch import split_batch

TEXT = """
x = Placeholder() shape=<?,3>
w = Const() value=float32<3,2>[1, 2, 3, 4, 5, 6]
h = MatMul(x, w)
y = Tanh(h)
"""


def graph_of(text: str = TEXT, *, inputs: tuple[str, ...] = ("x",), outputs: tuple[str, ...] = ("y",)) -> Graph:
    return example(text, inputs=inputs, outputs=outputs)


@pytest.mark.parametrize("parts", [2, 3, 5])
def test_batches_of_any_size_give_what_they_gave(parts: int) -> None:
    graph = graph_of()
    split = split_batch(graph, parts=parts)
    for size in (1, 2, 3, 4, 7, 16):
        x = random(size, 3)
        np.testing.assert_allclose(values(split, {"x": x})[0], values(graph, {"x": x})[0], rtol=1e-6, atol=1e-6)


def test_each_part_has_ops_of_its_own_and_they_share_the_constants() -> None:
    split = split_batch(graph_of(), parts=3)
    assert [name for name, node in split.nodes.items() if node.op == "MatMul"] == ["h/part_0", "h/part_1", "h/part_2"]
    assert {split.nodes[f"h/part_{part}"].inputs[1] for part in range(3)} == {"w"}
    assert split.nodes["y"].op == "ConcatV2"
    assert (split.inputs, split.outputs) == (("x",), ("y",))


def test_a_batch_is_cut_evenly_and_parts_without_examples_do_not_run() -> None:
    split = split_batch(graph_of(), parts=4)
    tensors = [f"split_batch/{part}/x" + ("/or_none" if part else "") for part in range(4)]
    assert [len(rows) for rows in values(split, {"x": random(7, 3)}, tensors)] == [2, 2, 2, 1]
    assert [len(rows) for rows in values(split, {"x": random(5, 3)}, tensors)] == [2, 2, 1, 0]
    with pytest.raises(GraphError, match="does not have value"):
        values(split, {"x": random(5, 3)}, ["h/part_3"])


@pytest.mark.int8
@pytest.mark.parametrize("target", ["fused", "public"])
def test_an_int8_graph_with_a_residual_gives_the_same_bytes_in_parts(target: Target) -> None:
    def body(tf: Any, x: Any) -> Any:
        first = tf.nn.relu(tf.nn.conv2d(x, random(3, 3, 3, 8, seed=1), 1, "SAME") + random(8, seed=2))
        second = tf.nn.conv2d(first, random(3, 3, 8, 8, seed=3), 1, "SAME") + random(8, seed=4)
        return tf.reduce_mean(tf.nn.relu(second + first), [1, 2])

    int8 = quantized(build(body, (None, 6, 6, 3)), random(8, 6, 6, 3), target=target).int8
    split = split_batch(int8, parts=2)
    kinds = Counter(node.op for node in int8.nodes.values() if is_quantized(node.op))
    assert kinds
    assert Counter(node.op for node in split.nodes.values() if is_quantized(node.op)) == {
        op: 2 * count for op, count in kinds.items()
    }
    for size in (1, 2, 5):
        x = random(size, 6, 6, 3, seed=size)
        np.testing.assert_array_equal(run_apart(split, x)[0], run_apart(int8, x)[0])


@pytest.mark.int8
def test_several_inputs_are_cut_alike_and_several_outputs_joined() -> None:
    text = (
        f"{TEXT}\nids = Placeholder() dtype=int32 shape=<?>\nz = OneHot(ids, depth, on, off) TI=int32\ns = AddV2(y, z)"
    )
    text = "depth = Const() value=int32<>[2]\non = Const() value=float32<>[1]\noff = Const() value=float32<>[0]" + text
    graph = graph_of(text, inputs=("x", "ids"), outputs=("s", "h"))
    feeds = {"x": random(5, 3), "ids": np.array([0, 1, 1, 0, 1], np.int32)}
    for old, new in zip(values(graph, feeds), values(split_batch(graph, parts=2), feeds), strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-6, atol=1e-6)


def test_an_output_that_no_input_decides_stays_one() -> None:
    split = split_batch(graph_of(f"{TEXT}\nc = Neg(w)", outputs=("y", "c")), parts=2)
    assert split.nodes["c"].inputs == ("w",)
    assert split.outputs == ("y", "c")


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("m = Mean(y, axis)\nz = Sub(y, m)", id="a mean over the batch"),
        pytest.param("z = Max(y, axis)", id="no batch"),
        pytest.param("z = ReverseV2(y, axis)", id="rows of other examples"),
    ],
)
def test_a_graph_whose_rows_depend_on_other_examples_is_refused(line: str) -> None:
    text = f"axis = Const() value=int32<1>[0]{TEXT}{line}"
    with pytest.raises(GraphError, match=r"split_batch: .*'z'.*; its rows must come of their own examples alone"):
        split_batch(graph_of(text, outputs=("z",)), parts=2)


def test_a_batch_of_one_is_refused() -> None:
    with pytest.raises(GraphError, match=r"the input 'x' has the shape \[1, 3\]; wanted .* see free_batch_dimension"):
        split_batch(graph_of(TEXT.replace("<?,3>", "<1,3>")))


def test_a_graph_without_named_ends_is_refused() -> None:
    with pytest.raises(GraphError, match="name both"):
        split_batch(graph_of(inputs=()))


def test_a_second_output_of_a_node_is_refused() -> None:
    text = "a = Const() value=int32<>[1]\nx = Placeholder() shape=<?,3>\ny = Split(a, x) num_split=3"
    with pytest.raises(GraphError, match="the output 'y:1' is not its node's first"):
        split_batch(graph_of(text, outputs=("y:1",)))


def test_a_graph_that_is_cut_already_is_refused() -> None:
    with pytest.raises(GraphError, match="cut already"):
        split_batch(split_batch(graph_of()))


def test_a_conditional_is_refused() -> None:
    text = f"{TEXT}\np = Placeholder() dtype=bool shape=<?>\nq = Squeeze(p)\ns = Switch(h, q) T=float32\nz = Neg(s:1)"
    with pytest.raises(GraphError, match=r"holds a loop or a conditional \('s'\)"):
        split_batch(graph_of(text.replace("Squeeze(p)", "Squeeze(p) T=bool"), inputs=("x", "p"), outputs=("z",)))


def test_one_part_is_refused() -> None:
    with pytest.raises(SpecError, match="parts is 1; wanted 2 or more"):
        split_batch(graph_of(), parts=1)
