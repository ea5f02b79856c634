"""Colocation: a node that names another one in its attribute _class, as frozen graphs of TensorFlow 1 do."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from examples import example, random, values
from octavo.graph import Graph, load_graph, save_graph
from octavo.transform_graph.renaming import without_lost_places
from octavo.transform_graph.transform import transform, transform_file

TEXT = """
    x = Placeholder() shape=<2>
    w = Const() value=float32<2>[1, 2]
    w/read = Identity(w)
    y = Add(x, w/read)
"""


def graph_of(**places: list[str]) -> Graph:
    graph = example(TEXT, inputs=("x",), outputs=("y",))
    nodes = {
        name: node.with_attrs(_class=tuple(places[node.op])) if node.op in places else node
        for name, node in graph.nodes.items()
    }
    return replace(graph, nodes=nodes)


def places(graph: Graph, name: str) -> list[str]:
    return list(graph.nodes[name].texts("_class", ()))


def test_colocation_follows_a_renamed_node() -> None:
    after = transform(graph_of(Identity=["loc:@w", "other"]), "rename_node(old_node_name=w, new_node_name=v)")
    assert places(after, "w/read") == ["loc:@v", "other"]
    assert values(after, {"x": random(2)})[0].shape == (2,)


def test_colocation_with_a_node_that_a_transform_took_away_goes(tmp_path: Path) -> None:
    before = graph_of(Add=["loc:@w/read"])
    save_graph(before, tmp_path / "in.pb")
    transform_file(tmp_path / "in.pb", tmp_path / "out.pb", "remove_nodes(op=Identity)", inputs=["x"], outputs=["y"])
    after = load_graph(tmp_path / "out.pb").with_ends(["x"], ["y"])
    assert "_class" not in after.nodes["y"].attrs
    x = random(2)
    np.testing.assert_array_equal(values(after, {"x": x})[0], x + np.array([1, 2], np.float32))


def test_colocation_with_nodes_of_the_graph_stays_as_it_is() -> None:
    graph = graph_of(Identity=["loc:@w"])
    assert without_lost_places(graph) is graph


def test_of_several_places_the_lost_ones_go() -> None:
    after = without_lost_places(graph_of(Identity=["loc:@w", "loc:@gone", "other"]))
    assert places(after, "w/read") == ["loc:@w", "other"]
