"""Models as files: which kind a folder makes up, and how a record is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from octavo.errors import GraphError
from octavo.model import Layout, Model, layout, read_model

CHECKPOINT = ("model.ckpt.index", "model.ckpt.data-00000-of-00001")


def arrange(*names: str, state: str = "") -> Layout:
    return layout(names, "the folder", lambda _: state)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"content")


@pytest.mark.parametrize("name", ["graph.pb", "graph.pbtxt", "anything.pb", "FROZEN.PB"])
def test_a_graph_alone_is_a_frozen_graph(name: str) -> None:
    assert arrange(name, "labels.txt", "assets/x") == Layout("frozen_graph", name, None, (name,))


def test_a_graph_with_a_checkpoint_takes_only_the_files_of_both() -> None:
    found = arrange("graph.pbtxt", *CHECKPOINT, "checkpoint", "events.out.tfevents.1", "model.ckpt.meta")
    assert found == Layout("graph_and_checkpoint", "graph.pbtxt", "model.ckpt", ("graph.pbtxt", *CHECKPOINT))


def test_every_shard_of_a_checkpoint_belongs_to_it() -> None:
    shards = [f"m.data-0000{shard}-of-00003" for shard in range(3)]
    assert arrange("graph.pb", "m.index", *reversed(shards)).files == ("graph.pb", "m.index", *shards)


def test_a_missing_shard_is_named() -> None:
    with pytest.raises(GraphError, match=r"checkpoint 'm' in 'the folder' lacks 'm.data-00001-of-00002'"):
        arrange("graph.pb", "m.index", "m.data-00000-of-00002")


def test_an_index_without_data_is_no_checkpoint() -> None:
    with pytest.raises(GraphError, match=r"lacks 'm.data-00000-of-00001'"):
        arrange("graph.pb", "m.index")


def test_data_without_an_index_are_no_checkpoint() -> None:
    with pytest.raises(GraphError, match=r"without its \.index file"):
        arrange("graph.pb", "m.data-00000-of-00001")


@pytest.mark.parametrize("latest", ["m-20", "/home/train/m-20"])
def test_of_several_checkpoints_the_latest_is_taken(latest: str) -> None:
    names = [f"m-{step}.{part}" for step in (10, 20) for part in ("index", "data-00000-of-00001")]
    state = f'model_checkpoint_path: "{latest}"\nall_model_checkpoint_paths: "m-10"\n'
    assert arrange("graph.pb", "checkpoint", *names, state=state).checkpoint == "m-20"


@pytest.mark.parametrize("state", [None, "", 'model_checkpoint_path: "m-30"'])
def test_several_checkpoints_of_which_none_is_the_latest_are_refused(state: str | None) -> None:
    names = ["graph.pb", "m-10.index", "m-20.index", *(["checkpoint"] if state is not None else [])]
    with pytest.raises(GraphError, match=r"several checkpoints \(m-10, m-20\)"):
        arrange(*names, state=state or "")


def test_graph_pb_is_taken_before_other_graphs() -> None:
    assert arrange("graph.pb", "labels.pbtxt", *CHECKPOINT).graph == "graph.pb"


def test_several_graphs_are_refused() -> None:
    with pytest.raises(GraphError, match=r"several models \(a.pb, b.pb\); name one of them"):
        arrange("a.pb", "b.pb")


def test_a_saved_model_takes_the_whole_folder() -> None:
    names = ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001", "assets/a")
    assert arrange(*names) == Layout("saved_model", "", None, tuple(sorted(names)))


def test_a_saved_model_one_folder_deeper_is_pointed_at() -> None:
    with pytest.raises(GraphError, match=r"holds no model .a SavedModel is in its folder '1'."):
        arrange("1/saved_model.pb", "1/variables/variables.index")


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "model.hdf5"])
def test_a_keras_file_in_a_folder_is_found(name: str) -> None:
    assert arrange(name, "README.md") == Layout("keras", name, None, (name,))


@pytest.mark.parametrize(
    ("names", "why"),
    [((), "no files"), (("a.txt",), "1 files: a.txt"), (("a", "b", "c", "d"), "4 files: a, b, c, ...")],
)
def test_a_folder_of_something_else_is_described(names: tuple[str, ...], why: str) -> None:
    with pytest.raises(GraphError, match=rf"'the folder' holds no model \({why}\); wanted a \.pb"):
        arrange(*names)


def test_reads_bare_files_and_folders(tmp_path: Path) -> None:
    touch(tmp_path, "a.pb", "b.keras", "saved/saved_model.pb", "trained/graph.pbtxt")
    touch(tmp_path / "trained", *CHECKPOINT)
    assert read_model(tmp_path / "a.pb") == Model("frozen_graph", tmp_path / "a.pb")
    assert read_model(tmp_path / "b.keras") == Model("keras", tmp_path / "b.keras")
    assert read_model(tmp_path / "saved") == Model("saved_model", tmp_path / "saved")
    assert read_model(tmp_path / "saved" / "saved_model.pb") == Model("saved_model", tmp_path / "saved")
    trained = tmp_path / "trained"
    assert read_model(trained) == Model("graph_and_checkpoint", trained / "graph.pbtxt", trained / "model.ckpt")


def test_a_relative_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a.pb")
    monkeypatch.chdir(tmp_path)
    assert read_model("a.pb").graph == tmp_path / "a.pb"


@pytest.mark.parametrize(("name", "why"), [("nowhere.pb", "there is no model at"), ("a.onnx", "no model that octavo")])
def test_a_path_that_is_no_model_is_refused(name: str, why: str, tmp_path: Path) -> None:
    touch(tmp_path, "a.onnx")
    with pytest.raises(GraphError, match=why):
        read_model(tmp_path / name)


def record(folder: Path, **changes: object) -> None:
    touch(folder, "files/a.pb")
    document = {
        "uri": "s3://models/a.pb",
        "kind": "frozen_graph",
        "graph": "files/a.pb",
        "checkpoint": None,
        "files": [{"path": "files/a.pb", "bytes": 7, "sha256": "0" * 64}],
    }
    (folder / "model.json").write_text(json.dumps({**document, **changes}))


def test_reads_what_was_fetched_by_its_folder_or_its_record(tmp_path: Path) -> None:
    record(tmp_path)
    assert read_model(tmp_path) == read_model(tmp_path / "model.json")
    assert read_model(tmp_path) == Model("frozen_graph", tmp_path / "files" / "a.pb")


def test_a_fetched_file_of_another_size_is_refused(tmp_path: Path) -> None:
    record(tmp_path)
    (tmp_path / "files" / "a.pb").write_bytes(b"cont")
    with pytest.raises(GraphError, match=r"has 4 bytes; model.json says 7 bytes: fetch the model again"):
        read_model(tmp_path)


def test_a_fetched_file_that_is_gone_is_named(tmp_path: Path) -> None:
    record(tmp_path)
    (tmp_path / "files" / "a.pb").unlink()
    with pytest.raises(GraphError, match=r"files/a\.pb' is missing"):
        read_model(tmp_path)


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"kind": "onnx"}, r"\(kind: "), ({"files": 3}, r"\(files: "), ({"extra": 1}, r"\(extra: ")],
)
def test_a_record_that_is_none_is_refused(changes: dict[str, object], why: str, tmp_path: Path) -> None:
    record(tmp_path, **changes)
    with pytest.raises(GraphError, match=rf"is no record of fetch_model {why}"):
        read_model(tmp_path)


def test_a_record_that_is_no_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text("{")
    with pytest.raises(GraphError, match=r"is no record of fetch_model \(the whole: "):
        read_model(tmp_path)


def test_the_models_of_the_test_data_are_recognised(test_data: Path) -> None:
    models = test_data / "models"
    assert read_model(models / "mobilenet_v1_1.0_224.pb").kind == "frozen_graph"
    found = read_model(models / "efficientnet_lite0_checkpoint")
    assert (found.kind, found.checkpoint) == (
        "graph_and_checkpoint",
        models / "efficientnet_lite0_checkpoint" / "model.ckpt",
    )
