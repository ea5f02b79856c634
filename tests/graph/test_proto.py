"""Graph files: both forms, and what is said of files that are none."""

import gzip
import os
from pathlib import Path

import pytest

from examples import example
from octavo.errors import GraphError
from octavo.graph import Graph, load_graph, save_graph
from octavo.graph import proto as module
from octavo.graph.text import to_text
from small_models import write_saved_model_v1


@pytest.fixture
def graph() -> Graph:
    return example("x = Placeholder()\nw = Const() value=float32<2>[1, 2]\ny = Add(x, w, ^x)\nz = Relu(y)")


@pytest.fixture
def content(graph: Graph, tmp_path: Path) -> bytes:
    save_graph(graph, tmp_path / "g.pb")
    return (tmp_path / "g.pb").read_bytes()


def refused(file: Path, content: bytes | None = None) -> str:
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(GraphError) as fault:
        load_graph(file)
    assert str(file) in str(fault.value)
    assert "\n" not in str(fault.value)
    return str(fault.value)


@pytest.mark.parametrize("as_text", [False, True], ids=["binary", "text"])
def test_a_graph_reads_back(graph: Graph, tmp_path: Path, as_text: bool) -> None:
    save_graph(graph, tmp_path / "g", as_text=as_text)
    assert to_text(load_graph(tmp_path / "g")) == to_text(graph)


def test_an_absent_file_and_a_folder_are_told(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in refused(tmp_path / "none.pb")
    assert "cannot be read: Is a directory" in refused(tmp_path)


def test_an_empty_file_is_told(tmp_path: Path) -> None:
    assert "is empty" in refused(tmp_path / "g.pb", b"")


def test_a_file_of_2_gib_is_refused_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "g.pb"
    file.touch()
    os.truncate(file, 2**31)
    assert "has 2,147,483,648 bytes; a GraphDef ends at 2,147,483,647" in refused(file)


@pytest.mark.parametrize("as_text", [False, True], ids=["binary", "text"])
def test_a_graph_that_is_too_large_is_not_written(
    graph: Graph, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_text: bool
) -> None:
    monkeypatch.setattr(module, "MAX_GRAPH_BYTES", len(content) - 1)
    with pytest.raises(GraphError, match=f"takes more than {len(content) - 1} bytes"):
        save_graph(graph, tmp_path / "large.pb", as_text=as_text)
    assert not (tmp_path / "large.pb").exists()


def test_a_truncated_file_is_told_wherever_it_ends(content: bytes, tmp_path: Path) -> None:
    whole = 0
    for size in range(4, len(content)):
        try:
            said = refused(tmp_path / "g.pb", content[:size])
        except pytest.fail.Exception:
            whole += 1  # it ends between two nodes
            continue
        assert "it is truncated: it ends within its" in said
    assert whole == 3


def test_a_truncated_text_file_is_told_with_the_line(graph: Graph, tmp_path: Path) -> None:
    save_graph(graph, tmp_path / "g.pbtxt", as_text=True)
    text = (tmp_path / "g.pbtxt").read_bytes()
    assert "neither binary nor text (" in refused(tmp_path / "g.pbtxt", text[: len(text) // 2])


def test_damage_in_the_middle_is_told(content: bytes, tmp_path: Path) -> None:
    at = content.index(b"\n", 2 + content[1])
    damaged = content[:at] + b"\xff" + content[at + 1 :]
    assert "it is damaged at byte" in refused(tmp_path / "g.pb", damaged)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(b"\x89HDF\r\n\x1a\n" + bytes(20), "an HDF5 file, as Keras writes", id="hdf5"),
        pytest.param(b"PK\x03\x04" + bytes(20), "a zip file, perhaps a .keras one", id="zip"),
        pytest.param(b"\x1c\0\0\0TFL3" + bytes(20), "a TensorFlow Lite model", id="tflite"),
        pytest.param(gzip.compress(b"graph"), "compressed with gzip", id="gzip"),
        pytest.param(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer", id="lfs"),
        pytest.param(b"<!DOCTYPE html><html></html>", "a web page", id="html"),
        pytest.param(b"<HTML><body>404</body></HTML>", "a web page", id="html_without_doctype"),
        pytest.param(b"just some words", "neither binary nor text", id="words"),
        pytest.param(bytes(range(256)), "neither binary nor text", id="bytes"),
        pytest.param(
            b"node{attr{key:'a' value{" + b"list{func{attr{key:'b' value{" * 500, "neither binary nor text", id="deep"
        ),
    ],
)
def test_a_file_of_another_kind_is_named(tmp_path: Path, content: bytes, why: str) -> None:
    assert why in refused(tmp_path / "g.pb", content)


def test_a_saved_model_and_a_meta_graph_are_named(tmp_path: Path) -> None:
    from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

    write_saved_model_v1(tmp_path / "m")
    file = tmp_path / "m" / "saved_model.pb"
    assert "it is a SavedModel: name its folder instead" in refused(file)
    model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    meta: meta_graph_pb2.MetaGraphDef = model.meta_graphs[0]
    assert "it is a MetaGraphDef" in refused(tmp_path / "m.meta", meta.SerializeToString())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('node { name: "a" op: "Foo" } node { name: "a" op: "Foo" }', "two nodes are named 'a'"),
        ('node { name: "a" op: "Foo" input: "b" }', "Foo 'a' reads 'b', which no node makes"),
        ('node { name: "a" op: "Foo" input: "a:b" }', "'a:b' is no name of a tensor"),
        ('node { name: "a" op: "Foo" input: "a:-1" }', "'a:-1' is no name of a tensor"),
        ('node { name: "a" op: "Foo" input: "a::0" }', "'a::0' is no name of a tensor"),
        ("versions { producer: 27 }", "holds no nodes; wanted a GraphDef"),
    ],
)
def test_a_graph_that_is_not_whole_is_told(tmp_path: Path, text: str, why: str) -> None:
    assert why in refused(tmp_path / "g.pbtxt", text.encode())
