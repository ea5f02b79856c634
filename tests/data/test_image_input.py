from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from octavo.data.image_input import ImageInput, image_input
from octavo.errors import GraphError, SpecError
from octavo.graph import Graph, Node, const_node
from octavo.graph.attrs import dtype_attr, shape_attr


def placeholder(name: str, shape: Sequence[int | None] | None, dtype: str = "float32") -> Node:
    return Node(name, "Placeholder", (), {"dtype": dtype_attr(dtype), "shape": shape_attr(shape)})


def graph_of(*nodes: Node) -> Graph:
    return Graph({}).with_nodes(nodes)


def test_the_only_placeholder_is_found() -> None:
    graph = graph_of(const_node("c", np.float32(1)), placeholder("image", [None, 224, 192, 3]))
    assert image_input(graph) == ImageInput("image", "float32", None, (224, 192), 3)


def test_a_named_input_is_taken_among_several() -> None:
    graph = graph_of(placeholder("a", [1, 8, 8, 1], "uint8"), placeholder("b", [None, 2, 2, 3]))
    assert image_input(graph, ["a:0"]) == ImageInput("a", "uint8", 1, (8, 8), 1)


def test_a_graph_may_take_any_size() -> None:
    assert image_input(graph_of(placeholder("a", [None, None, None, 3]))).size is None


@pytest.mark.parametrize(
    ("nodes", "inputs", "wanted"),
    [
        pytest.param([const_node("c", np.float32(1))], (), r"has 0 inputs \(none\)", id="none"),
        pytest.param([placeholder("a", []), placeholder("b", [])], (), r"has 2 inputs \(a, b\)", id="two"),
        pytest.param([placeholder("image", [])], ("imgae",), "no node named 'imgae'.*near names: image", id="misspelt"),
        pytest.param([const_node("c", np.float32(1))], ("c",), "wanted images", id="a constant"),
        pytest.param([placeholder("a", None)], (), "has the shape unknown", id="unknown rank"),
        pytest.param([placeholder("a", [None, 784])], (), r"has the shape \[\?, 784\]", id="vectors"),
        pytest.param([placeholder("a", [None, 4, 4, None])], (), r"\[\?, 4, 4, \?\]", id="unknown channels"),
        pytest.param([placeholder("a", [None, 3, 224, 224])], (), "channels .* last", id="channels first"),
    ],
)
def test_an_input_that_takes_no_images_says_what_it_takes(
    nodes: list[Node], inputs: tuple[str, ...], wanted: str
) -> None:
    with pytest.raises(GraphError, match=wanted):
        image_input(graph_of(*nodes), inputs)


@pytest.mark.parametrize(("batch", "asked", "steps"), [(None, 32, 32), (1, 32, 1), (8, 32, 8), (8, 8, 8)])
def test_a_graphs_own_batch_counts(batch: int | None, asked: int, steps: int) -> None:
    assert ImageInput("a", "float32", batch, None, 3).steps(asked) == steps


def test_a_batch_that_the_graphs_own_does_not_divide_is_refused() -> None:
    with pytest.raises(SpecError, match=r"takes 5 images at once.*give a multiple of 5"):
        ImageInput("a", "float32", 5, None, 3).steps(32)


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(SpecError, match="batch size is 0"):
        ImageInput("a", "float32", None, None, 3).steps(0)


def test_a_short_batch_is_filled_up_with_its_last_image() -> None:
    images = np.arange(3, dtype=np.float32).reshape(3, 1, 1, 1)
    fed = ImageInput("a", "uint8", 5, None, 1).feed(images)["a"]
    assert fed.dtype == np.uint8
    assert fed.ravel().tolist() == [0, 1, 2, 2, 2]


def test_a_free_batch_is_fed_as_it_is() -> None:
    images = np.zeros((3, 1, 1, 1), np.float32)
    assert ImageInput("a", "float32", None, None, 1).feed(images)["a"] is images
