"""The transforms that rename and remove what nodes say: attributes, op types, devices."""

import numpy as np
import pytest

from examples import example, random, values
from octavo.errors import GraphError
from octavo.graph.text import parse_graph, to_text
from octavo.transform_graph.transforms.remove_attribute import remove_attribute
from octavo.transform_graph.transforms.rename_attribute import rename_attribute
from octavo.transform_graph.transforms.rename_op import rename_op
from octavo.transform_graph.transforms.set_device import set_device

TWO = parse_graph("a = Foo() k=1 m=2\nb = Bar(a) k=3")


def test_an_attribute_goes_from_all_nodes_or_one_type() -> None:
    assert to_text(remove_attribute(TWO, attribute_name="k")) == "a = Foo() m=2\nb = Bar(a)"
    assert to_text(remove_attribute(TWO, attribute_name="k", op_name="Bar")) == "a = Foo() k=1 m=2\nb = Bar(a)"
    assert to_text(remove_attribute(TWO, attribute_name="k", op_name="*")) == "a = Foo() m=2\nb = Bar(a)"


def test_an_attribute_is_renamed_on_all_nodes_or_one_type() -> None:
    assert to_text(rename_attribute(TWO, old_attribute_name="k", new_attribute_name="n")) == (
        "a = Foo() m=2 n=1\nb = Bar(a) n=3"
    )
    assert to_text(rename_attribute(TWO, old_attribute_name="k", new_attribute_name="n", op_name="Foo")) == (
        "a = Foo() m=2 n=1\nb = Bar(a) k=3"
    )


def test_a_node_with_both_names_is_an_error() -> None:
    with pytest.raises(GraphError, match="Foo 'a' has an attribute 'm' already; remove_attribute takes it away"):
        rename_attribute(TWO, old_attribute_name="k", new_attribute_name="m")


@pytest.mark.parametrize("name", ["zzz", "kk"])
def test_a_name_that_no_node_has_changes_nothing(name: str) -> None:
    assert remove_attribute(TWO, attribute_name=name) == TWO
    assert rename_attribute(TWO, old_attribute_name=name, new_attribute_name="n") == TWO
    assert rename_op(TWO, old_op_name=name, new_op_name="Baz") == TWO


def test_the_same_name_changes_nothing() -> None:
    assert rename_attribute(TWO, old_attribute_name="k", new_attribute_name="k") == TWO


def test_an_upgraded_graph_runs_as_before() -> None:
    before = example("x = Placeholder() shape=<2,1>\ny = Add(x, x)\nz = Squeeze(y) squeeze_dims=[1]")
    before = before.with_ends(("x",), ("z",))
    after = rename_op(before, old_op_name="Add", new_op_name="AddV2")
    after = remove_attribute(after, attribute_name="squeeze_dims")
    x = random(2, 1)
    np.testing.assert_array_equal(values(after, {"x": x})[0], values(before, {"x": x})[0])


def test_a_device_is_set_on_all_nodes_or_on_those_without_one() -> None:
    graph = parse_graph('a = Foo() @"/gpu:0"\nb = Foo(a)')
    assert to_text(set_device(graph, device="/cpu:0")) == 'a = Foo() @"/cpu:0"\nb = Foo(a) @"/cpu:0"'
    assert to_text(set_device(graph, device="/cpu:0", if_default=True)) == 'a = Foo() @"/gpu:0"\nb = Foo(a) @"/cpu:0"'
    assert to_text(set_device(graph)) == "a = Foo()\nb = Foo(a)"
