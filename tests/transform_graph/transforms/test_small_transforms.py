"""The transforms of one line: the device, control edges, the order."""

import pytest

from examples import example
from octavo.errors import GraphError
from octavo.graph.text import parse_graph, to_text
from octavo.transform_graph.transforms.remove_control_dependencies import remove_control_dependencies
from octavo.transform_graph.transforms.remove_device import remove_device
from octavo.transform_graph.transforms.sort_by_execution_order import sort_by_execution_order


def test_every_device_is_forgotten() -> None:
    graph = parse_graph('a = Foo() @"/gpu:0"\nb = Foo(a)')
    assert to_text(remove_device(graph)) == "a = Foo()\nb = Foo(a)"


def test_of_adjacent_control_edges_none_survives() -> None:
    graph = parse_graph("a = Foo()\nb = Foo()\nc = Foo(a, ^a, ^b)")
    assert to_text(remove_control_dependencies(graph)) == "a = Foo()\nb = Foo()\nc = Foo(a)"


def test_a_circle_cannot_be_sorted() -> None:
    with pytest.raises(GraphError, match="a <- b <- a"):
        sort_by_execution_order(parse_graph("a = Foo(b)\nb = Foo(a)"))


def test_library_and_versions_ride_along() -> None:
    from tensorflow.core.framework import function_pb2, versions_pb2

    graph = example("y = Relu(x)\nx = Placeholder()", inputs=("x",), outputs=("y",))
    object.__setattr__(graph, "library", function_pb2.FunctionDefLibrary())
    object.__setattr__(graph, "versions", versions_pb2.VersionDef(producer=27))
    for transform in (remove_device, remove_control_dependencies, sort_by_execution_order):
        assert transform(graph).library is graph.library
        assert transform(graph).versions is graph.versions
