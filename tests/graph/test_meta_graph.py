from pathlib import Path

import pytest

from octavo.errors import GraphError
from octavo.graph.meta_graph import (
    MetaGraph,
    Signature,
    TensorInfo,
    read_meta_graph,
    read_restore_op,
    read_saved_model,
)
from octavo.graph.text import parse_graph

META = """
meta_info_def { tags: "serve" }
graph_def { node { name: "x" op: "Placeholder" } }
saver_def { restore_op_name: "save/restore_all" }
signature_def { key: "run" value {
  inputs { key: "a" value { name: "x:0" dtype: DT_FLOAT tensor_shape { dim { size: -1 } dim { size: 3 } } } }
  outputs { key: "b" value { name: "x:1" dtype: DT_INT64 tensor_shape { unknown_rank: true } } }
} }
"""
RUN = Signature({"a": TensorInfo("x", "float32", (None, 3))}, {"b": TensorInfo("x:1", "int64", None)})


def write_binary(path: Path) -> None:
    from google.protobuf import text_format
    from tensorflow.core.protobuf import meta_graph_pb2

    path.write_bytes(text_format.Parse(META, meta_graph_pb2.MetaGraphDef()).SerializeToString())


@pytest.mark.parametrize("binary", [True, False])
def test_reads_a_meta_graph(tmp_path: Path, binary: bool) -> None:
    path = tmp_path / "model.meta"
    if binary:
        write_binary(path)
    else:
        path.write_text(META)
    found = read_meta_graph(path)
    assert list(found.graph.nodes) == ["x"]
    assert found.restore_op == "save/restore_all"
    assert found.signatures == {"run": RUN}
    assert not found.from_objects


def test_reads_a_saved_model_by_its_tags(tmp_path: Path) -> None:
    trained = META.replace('"serve"', '"train"').replace('"x" op', '"y" op')
    (tmp_path / "saved_model.pbtxt").write_text(f"meta_graphs {{ {META} }}\nmeta_graphs {{ {trained} }}")
    assert list(read_saved_model(tmp_path).graph.nodes) == ["x"]
    assert list(read_saved_model(tmp_path, ["train"]).graph.nodes) == ["y"]
    with pytest.raises(GraphError, match="has no tags 'serve,gpu'; it has: serve; train"):
        read_saved_model(tmp_path, ["serve", "gpu"])


def test_a_folder_without_a_saved_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match=r"holds no saved_model\.pb"):
        read_saved_model(tmp_path)


@pytest.mark.parametrize("content", [b"\xff\x00\x01", b"node { name: 3 }"])
def test_a_file_of_another_kind_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.meta"
    path.write_bytes(content)
    with pytest.raises(GraphError, match="is no MetaGraphDef, neither binary nor text"):
        read_meta_graph(path)


def test_an_empty_or_absent_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "model.meta"
    with pytest.raises(GraphError, match="cannot be read"):
        read_meta_graph(path)
    path.write_bytes(b"")
    with pytest.raises(GraphError, match="holds no graph"):
        read_meta_graph(path)


def test_reads_the_restore_op_of_a_saver(tmp_path: Path) -> None:
    path = tmp_path / "saver.pbtxt"
    path.write_text('restore_op_name: "save_2/restore_all"')
    assert read_restore_op(path) == "save_2/restore_all"
    path.write_bytes(b"")
    with pytest.raises(GraphError, match="names no restore op"):
        read_restore_op(path)


EMPTY = Signature({}, {})


@pytest.mark.parametrize(
    ("signatures", "wanted", "chosen"),
    [
        pytest.param({"run": RUN}, "", "run", id="the_only_one"),
        pytest.param({"__init": EMPTY, "run": RUN}, "", "run", id="the_only_one_with_outputs"),
        pytest.param({"run": RUN, "serving_default": RUN}, "", "serving_default", id="serving_default"),
        pytest.param({"run": RUN, "serving_default": RUN}, "run", "run", id="the_one_asked_for"),
    ],
)
def test_chooses_a_signature(signatures: dict[str, Signature], wanted: str, chosen: str) -> None:
    assert MetaGraph(parse_graph(""), signatures).signature(wanted)[0] == chosen


@pytest.mark.parametrize(
    ("signatures", "wanted", "message"),
    [
        ({"run": RUN, "walk": RUN}, "", "no signature 'serving_default'; its signatures: run, walk"),
        ({"run": RUN}, "walk", "no signature 'walk'; its signatures: run"),
        ({}, "", "no signature 'serving_default'; its signatures: none"),
    ],
)
def test_a_signature_that_is_not_there_is_an_error(signatures: dict[str, Signature], wanted: str, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        MetaGraph(parse_graph(""), signatures).signature(wanted)
