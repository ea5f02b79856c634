from dataclasses import replace

import numpy as np

from examples import example, random, values
from octavo.graph import Graph, Node
from octavo.graph.text import to_text
from octavo.transform_graph.transforms.obfuscate_names import obfuscate_names

TEXT = """
    0 = Placeholder() shape=<2,4>
    scope/parts = Split(axis, 0) num_split=2
    init = NoOp()
    scope/sum = AddV2(scope/parts:1, scope/parts, ^init)
    y = Neg(scope/sum)
"""


def graph_of(text: str = TEXT) -> Graph:
    return example(text, inputs=("0",), outputs=("y",), consts={"axis": np.array(1, np.int32)})


def test_names_of_inputs_are_skipped_and_every_reference_follows() -> None:
    before = graph_of()
    after = obfuscate_names(before)
    assert list(after.nodes) == ["1", "0", "2", "3", "4", "y"]
    assert after.nodes["4"].inputs == ("2:1", "2", "^3")
    x = random(2, 4)
    np.testing.assert_array_equal(values(after, {"0": x})[0], values(before, {"0": x})[0])
    assert obfuscate_names(after) == after


def test_names_count_in_base_62() -> None:
    nodes = [Node(f"node_{n}", "NoOp") for n in range(62 * 62 + 63)]
    names = list(obfuscate_names(Graph({}).with_nodes(nodes)).nodes)
    assert (names[9], names[10], names[36], names[61], names[62], names[3843], names[3844]) == (
        *("9", "a", "A", "Z"),
        *("10", "ZZ", "100"),
    )
    assert len(set(names)) == len(nodes)


def test_colocation_follows() -> None:
    graph = example("w = Placeholder()\nread = Relu(w)")
    place = {"_class": ("loc:@w", "other")}
    graph = replace(graph, nodes={**graph.nodes, "read": graph.nodes["read"].with_attrs(**place)})
    assert '_class=["loc:@0", "other"]' in to_text(obfuscate_names(graph))


def test_a_graph_without_ends_loses_all_its_names() -> None:
    assert to_text(obfuscate_names(example("in = NoOp()\nout = NoOp(^in)"))) == "0 = NoOp()\n1 = NoOp(^0)"
