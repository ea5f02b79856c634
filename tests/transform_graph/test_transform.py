import logging
import re
from pathlib import Path

import numpy as np
import pytest

from examples import example, random, values
from octavo.errors import CalibrationError, GraphError, SpecError
from octavo.graph import Graph, load_graph, save_graph
from octavo.graph.text import to_text
from octavo.transform_graph import transform as module
from octavo.transform_graph.transform import transform, transform_file

TEXT = """
    x = Placeholder() shape=<?,2>
    a = Const() value=float32<2>[1, 2]
    a_expect_remains = Identity(a)
    c1 = Const() value=float32<2>[3, 4]
    c2 = Const() value=float32<2>[5, 6]
    sum_expect_removed = Add(c1, c2)
    scaled = Mul(x, sum_expect_removed)
    y = Add(scaled, a_expect_remains)
    unused_expect_removed = Neg(y)
"""


@pytest.fixture
def graph() -> Graph:
    return example(TEXT, inputs=("x",), outputs=("y",))


@pytest.fixture
def path(graph: Graph, tmp_path: Path) -> Path:
    save_graph(graph, tmp_path / "in.pb")
    return tmp_path / "in.pb"


def test_transforms_run_in_order(graph: Graph) -> None:
    result = transform(
        graph,
        "strip_unused_nodes remove_nodes(op=Identity) fold_constants rename_node(old_node_name=a, new_node_name=b)",
    )
    assert [node.name for node in result.nodes.values()] == ["x", "b", "sum_expect_removed", "scaled", "y"]


def test_a_fault_names_the_transform_and_those_before_it(graph: Graph) -> None:
    why = re.escape(
        "freeze_requantization_ranges (after remove_device fold_constants): the min/max log 'none.txt' cannot"
    )
    with pytest.raises(CalibrationError, match=why):
        transform(graph, 'remove_device fold_constants freeze_requantization_ranges(min_max_log_file="none.txt")')


def test_the_first_transform_has_none_before_it(graph: Graph) -> None:
    with pytest.raises(GraphError, match=r"^rename_node: no node named 'zzz'"):
        transform(graph, "rename_node(old_node_name=zzz, new_node_name=b)")


def test_an_ignored_error_is_a_line_and_the_next_transform_runs(graph: Graph, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        result = transform(
            graph, "rename_node(old_node_name=q, new_node_name=b, ignore_errors=TRUE) strip_unused_nodes"
        )
    assert [r.getMessage() for r in caplog.records] == [
        "rename_node: ignoring error: no node named 'q' among the graph's 9 nodes"
    ]
    assert "unused_expect_removed" not in result.nodes


def test_an_ignored_error_does_not_hide_a_broken_graph(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_graph(graph: Graph) -> Graph:
        return Graph({"y": graph.nodes["y"]})

    monkeypatch.setattr(module, "TRANSFORMS", (break_graph,))
    with pytest.raises(GraphError, match="break_graph made a graph that is not whole: Add 'y' reads 'scaled'"):
        transform(graph, "break_graph(ignore_errors=true)")


@pytest.mark.parametrize("text", ["", "  \\\n "])
def test_an_empty_list_is_refused(graph: Graph, text: str) -> None:
    with pytest.raises(SpecError, match="the transform list is empty"):
        transform(graph, text)


def test_an_unknown_transform_is_told_before_any_runs(path: Path) -> None:
    with pytest.raises(SpecError, match="'fold_constnats' is not recognized; did you mean 'fold_constants'"):
        transform_file(path.parent / "absent.pb", path.parent / "out.pb", "fold_constnats")


@pytest.mark.parametrize("as_text", [False, True])
def test_a_file_becomes_another(graph: Graph, path: Path, as_text: bool) -> None:
    out = path.parent / "out" / "graph.pb"
    transform_file(path, out, "strip_unused_nodes fold_constants", inputs=["x:0"], outputs=["y"], as_text=as_text)
    result = load_graph(out).with_ends(["x"], ["y"])
    assert not [name for name in result.nodes if name.endswith("_expect_removed") and result.nodes[name].op != "Const"]
    assert "a_expect_remains" in result.nodes
    assert (b"node {" in out.read_bytes()) == as_text
    x = random(3, 2)
    np.testing.assert_array_equal(values(result, {"x": x})[0], values(graph, {"x": x})[0])


def test_the_same_file_gives_the_same_bytes(path: Path) -> None:
    made = []
    for name in ("a.pb", "b.pb"):
        transform_file(path, path.parent / name, "fold_constants merge_duplicate_nodes", inputs=["x"], outputs=["y"])
        made.append((path.parent / name).read_bytes())
    assert made[0] == made[1]


def test_nothing_is_written_when_a_transform_fails(path: Path) -> None:
    with pytest.raises(GraphError):
        transform_file(path, path.parent / "out.pb", "fold_constants rename_node(old_node_name=q, new_node_name=r)")
    assert [p.name for p in path.parent.iterdir()] == ["in.pb"]


def test_an_unknown_output_is_told_with_near_names(path: Path) -> None:
    with pytest.raises(GraphError, match=r"no node named 'scald' .* near names: scaled"):
        transform_file(path, path.parent / "out.pb", "fold_constants", outputs=["scald"])


def test_a_graph_that_tensorflow_cannot_load_is_not_written(tmp_path: Path) -> None:
    save_graph(example("x = Placeholder()\ny = Zap(x)"), tmp_path / "in.pb")
    with pytest.raises(GraphError, match=r"cannot load the graph.*Zap"):
        transform_file(tmp_path / "in.pb", tmp_path / "out.pb", "remove_device")
    assert not (tmp_path / "out.pb").exists()


def test_library_and_versions_survive_the_file(path: Path, graph: Graph) -> None:
    from tensorflow.core.framework import function_pb2, versions_pb2

    library = function_pb2.FunctionDefLibrary()
    library.function.add().signature.name = "kept"
    object.__setattr__(graph, "library", library)
    object.__setattr__(graph, "versions", versions_pb2.VersionDef(producer=27))
    save_graph(graph, path)
    transforms = "strip_unused_nodes remove_nodes(op=Identity) fold_constants fold_batch_norms merge_duplicate_nodes"
    transform_file(path, path, transforms, inputs=["x"], outputs=["y"])
    result = load_graph(path)
    assert (result.library, result.versions) == (graph.library, graph.versions)
    assert "sum_expect_removed = Const()" in to_text(result)
