import pytest

from octavo.errors import GraphError
from octavo.graph import Graph, Node
from octavo.graph.sort import execution_order
from octavo.graph.text import parse_graph


def names(graph: Graph) -> list[str]:
    return [node.name for node in execution_order(graph)]


def test_a_graph_in_order_keeps_its_order() -> None:
    graph = parse_graph("b = Placeholder()\na = Placeholder()\nd = Add(a, b)\nc = Neg(a)")
    assert names(graph) == ["b", "a", "d", "c"]


def test_what_is_read_comes_first_control_edges_too() -> None:
    graph = parse_graph("y = Add(x, w)\nx = Neg(p:1, ^init)\ninit = NoOp()\nw = Const()\np = Split()")
    assert names(graph) == ["init", "w", "p", "x", "y"]


def test_a_while_loop_is_left_alone() -> None:
    graph = parse_graph("""
        enter = Enter(x)
        x = Const()
        merge = Merge(enter, next)
        body = Neg(merge)
        next = NextIteration(body)
    """)
    assert names(graph) == ["x", "enter", "merge", "body", "next"]


def test_a_circle_without_a_loop_is_named() -> None:
    graph = parse_graph("x = Placeholder()\na = Add(x, c)\nb = Neg(a)\nc = Neg(b)\nd = Neg(c)")
    with pytest.raises(GraphError, match="circle that is no while loop: a <- c <- b <- a"):
        execution_order(graph)


def test_a_node_that_reads_itself_is_a_circle() -> None:
    with pytest.raises(GraphError, match="a <- a"):
        execution_order(parse_graph("a = Neg(a)"))


def test_a_chain_of_100_000_nodes_in_reverse_order_needs_no_recursion() -> None:
    last = 100_000
    nodes = [Node(f"n{i}", "Neg", (f"n{i - 1}",)) for i in range(last, 0, -1)]
    graph = Graph({}).with_nodes([*nodes, Node("n0", "Placeholder")])
    assert names(graph)[:2] == ["n0", "n1"]
    assert len(execution_order(graph)) == last + 1
