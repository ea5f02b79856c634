from dataclasses import replace
from typing import Any

from octavo.graph.graph import Graph
from octavo.graph.library import without_unused_functions
from octavo.graph.text import parse_graph


def library(**calls: list[str]) -> Any:
    """Functions by name, each with nodes that call others."""
    from tensorflow.core.framework import function_pb2

    made = function_pb2.FunctionDefLibrary()
    for name, called in calls.items():
        function = made.function.add()
        function.signature.name = name
        for other in called:
            function.node_def.add(name=f"call_{other}", op="PartitionedCall").attr["f"].func.name = other
    return made


def names_of(graph: Graph) -> list[str]:
    return [function.signature.name for function in graph.library.function]


def graph_of(text: str, functions: Any) -> Graph:
    return replace(parse_graph(text), library=functions)


def test_functions_that_are_called_stay_with_those_that_they_call() -> None:
    functions = library(main=["inner"], inner=["leaf"], leaf=[], stray=["leaf"])
    graph = graph_of('c = PartitionedCall() f={func { name: "main" }}', functions)
    assert names_of(without_unused_functions(graph)) == ["main", "inner", "leaf"]


def test_functions_in_lists_and_ops_named_as_functions_are_called() -> None:
    functions = library(one=[], two=[], three=[])
    graph = graph_of('c = Case() branches={list { func { name: "one" } }}\nd = three()', functions)
    assert names_of(without_unused_functions(graph)) == ["one", "three"]


def test_a_gradient_stays_with_its_function() -> None:
    functions = library(main=[], main_grad=["leaf"], leaf=[])
    functions.gradient.add(function_name="main", gradient_func="main_grad")
    kept = without_unused_functions(graph_of("d = main()", functions))
    assert names_of(kept) == ["main", "main_grad", "leaf"]
    assert len(kept.library.gradient) == 1


def test_functions_that_call_each_other_end() -> None:
    functions = library(even=["odd"], odd=["even"])
    assert names_of(without_unused_functions(graph_of("d = even()", functions))) == ["even", "odd"]


def test_a_library_that_nothing_calls_goes() -> None:
    graph = graph_of("x = Placeholder()", library(main=[]))
    assert without_unused_functions(graph).library is None


def test_a_graph_without_a_library_stays_as_it_is() -> None:
    graph = parse_graph("x = Placeholder()")
    assert without_unused_functions(graph) is graph
