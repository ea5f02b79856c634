import pytest

from examples import example
from octavo.errors import GraphError
from octavo.graph.text import to_text
from octavo.transform_graph.transforms.rename_node import rename_node

TEXT = "x = Placeholder()\np = Unpack(x) num=2\ny = Sub(p, p:1, ^p)"


def test_every_way_to_read_a_node_follows() -> None:
    graph = rename_node(example(TEXT), old_node_name="p", new_node_name="q/r")
    assert to_text(graph).splitlines()[1:] == ["q/r = Unpack(x) T=float32 num=2", "y = Sub(q/r, q/r:1, ^q/r) T=float32"]


def test_the_graphs_ends_follow() -> None:
    graph = example(TEXT, inputs=("x",), outputs=("p:1",))
    assert rename_node(graph, old_node_name="p", new_node_name="q").outputs == ("q:1",)
    assert rename_node(graph, old_node_name="x", new_node_name="q").inputs == ("q",)


def test_a_name_that_begins_alike_is_left_alone() -> None:
    graph = rename_node(example("p = Foo()\np1 = Foo(p)\nq = Foo(p1)"), old_node_name="p", new_node_name="z")
    assert to_text(graph) == "z = Foo()\np1 = Foo(z)\nq = Foo(p1)"


def test_the_same_name_changes_nothing() -> None:
    assert rename_node(example(TEXT), old_node_name="p", new_node_name="p") == example(TEXT)


def test_a_name_that_is_taken_is_refused() -> None:
    with pytest.raises(GraphError, match="a node named 'y' is in the graph already"):
        rename_node(example(TEXT), old_node_name="x", new_node_name="y")


def test_an_unknown_name_is_refused_with_near_ones() -> None:
    with pytest.raises(GraphError, match=r"no node named 'conv_2d' among .* near names: conv2d"):
        rename_node(example("conv2d = Foo()"), old_node_name="conv_2d", new_node_name="y")
