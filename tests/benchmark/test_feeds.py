import numpy as np
import pytest

from octavo.benchmark.feeds import fixed_batch, random_feeds
from octavo.errors import GraphError
from octavo.graph import Graph
from octavo.graph.text import parse_graph


def placeholder(shape: str, dtype: str = "float32") -> Graph:
    return parse_graph(f"x = Placeholder() dtype={dtype} shape={shape}").with_ends(["x"], ["x"])


def test_the_placeholder_gives_the_shape_and_the_batch_its_first_dimension() -> None:
    value = random_feeds(placeholder("<?,4,5,3>"), 7)["x"]
    assert value.shape == (7, 4, 5, 3)
    assert value.dtype == np.float32
    assert value.min() >= 0
    assert value.max() < 1


@pytest.mark.parametrize("batch", [1, 3, 32])
def test_values_stand_where_tensorflow_reads_them_without_copying(batch: int) -> None:
    graph = parse_graph(
        "x = Placeholder() dtype=float32 shape=<?,5,3>\nm = Placeholder() dtype=uint8 shape=<?,7>"
    ).with_ends(["x", "m"], ["x"])
    assert {values.ctypes.data % 64 for values in random_feeds(graph, batch).values()} == {0}


def test_the_same_call_gives_the_same_values() -> None:
    graph = placeholder("<?,8>")
    np.testing.assert_array_equal(random_feeds(graph, 3)["x"], random_feeds(graph, 3)["x"])


@pytest.mark.parametrize(("dtype", "highest"), [("uint8", 255), ("int32", 1), ("bool", 0)])
def test_integers_stay_in_their_usual_range(dtype: str, highest: int) -> None:
    value = random_feeds(placeholder("<?,1000>", dtype), 8)["x"]
    assert value.dtype == dtype
    assert value.max() == highest


def test_a_scalar_input_gets_no_batch() -> None:
    assert random_feeds(placeholder("<>", "bool"), 32)["x"].shape == ()


@pytest.mark.parametrize("shape", ["<?,?,?,3>", "<...>"])
def test_an_open_shape_is_filled_by_the_given_one(shape: str) -> None:
    assert random_feeds(placeholder(shape), 2, (6, 5, 3))["x"].shape == (2, 6, 5, 3)


def test_a_known_shape_needs_no_given_one_and_ignores_it() -> None:
    assert random_feeds(placeholder("<?,4>"), 2, (9, 9))["x"].shape == (2, 4)


def test_an_open_shape_without_a_given_one_names_the_flag() -> None:
    with pytest.raises(GraphError, match=r"'x' has the shape \[\?,\?,\?,3\].*--input-shape 224,224,3"):
        random_feeds(placeholder("<?,?,?,3>"), 2)


@pytest.mark.parametrize("given", [(6, 5, 4), (6, 5)])
def test_a_given_shape_that_contradicts_the_placeholder_is_refused(given: tuple[int, ...]) -> None:
    with pytest.raises(GraphError, match="does not fit it"):
        random_feeds(placeholder("<?,?,?,3>"), 2, given)


@pytest.mark.parametrize(("shape", "batch"), [("<1,4>", 1), ("<?,4>", None), ("<...>", None), ("<>", None)])
def test_the_fixed_batch_is_the_first_dimension(shape: str, batch: int | None) -> None:
    assert fixed_batch(placeholder(shape)) == batch


def test_two_inputs_that_fix_two_batches_are_refused() -> None:
    text = "x = Placeholder() dtype=float32 shape=<1,4>\ny = Placeholder() dtype=float32 shape=<2,4>"
    with pytest.raises(GraphError, match=r"fix different batch sizes: \[1, 2\]"):
        fixed_batch(parse_graph(text).with_ends(["x", "y"], ["x"]))
