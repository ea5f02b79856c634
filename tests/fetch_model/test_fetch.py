"""Fetching models from every store: what is copied, recorded, refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from octavo.cli import main
from octavo.errors import GraphError, StorageError
from octavo.fetch_model.fetch import fetch_model
from octavo.model import Model, read_model
from octavo.storage import MissingObjectError, open_store

Place = Callable[[str], str]

CHECKPOINT = ("graph.pbtxt", "model.ckpt.data-00000-of-00001", "model.ckpt.index")
SAVED_MODEL = ("saved_model.pb", "variables/variables.data-00000-of-00001", "variables/variables.index")


def store(place: Place, *names: str) -> None:
    for name in names:
        one, key = open_store(place(name))
        one.write(key, f"content of {name}".encode())


def files_under(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", ["a.pb", "a.pbtxt", "a b#.pb"])
def test_a_graph_file_is_copied_and_recorded(place: Place, name: str, tmp_path: Path) -> None:
    store(place, name, f"{name}.backup")
    record = fetch_model(place(name), tmp_path / "out")
    content = f"content of {name}".encode()
    assert json.loads((tmp_path / "out" / "model.json").read_text()) == {
        "uri": place(name),
        "kind": "frozen_graph",
        "graph": f"files/{name}",
        "checkpoint": None,
        "files": [{"path": f"files/{name}", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}],
    }
    assert record.kind == "frozen_graph"
    assert (tmp_path / "out" / "files" / name).read_bytes() == content
    assert read_model(tmp_path / "out") == Model("frozen_graph", tmp_path / "out" / "files" / name)


@pytest.mark.parametrize("uri", ["models/a.pb", "./models/a.pb", "~/models/a.pb"])
def test_the_record_has_a_whole_path(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models/a.pb").write_bytes(b"content")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert fetch_model(uri, tmp_path / "out").uri == str(tmp_path / "models/a.pb")


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_graph_and_its_checkpoint_are_copied_without_what_lies_beside(
    place: Place, slash: str, tmp_path: Path
) -> None:
    names = [f"m/{name}" for name in (*CHECKPOINT, "checkpoint", "events.1", "other/x")]
    store(place, *names, "m2/graph.pb")
    record = fetch_model(place("m") + slash, tmp_path / "out")
    assert files_under(tmp_path / "out") == [*(f"files/{name}" for name in CHECKPOINT), "model.json"]
    assert (record.graph, record.checkpoint) == ("files/graph.pbtxt", "files/model.ckpt")
    files = tmp_path / "out" / "files"
    assert read_model(tmp_path / "out") == Model("graph_and_checkpoint", files / "graph.pbtxt", files / "model.ckpt")


def test_the_latest_of_several_checkpoints_is_copied(place: Place, tmp_path: Path) -> None:
    store(
        place, *(f"m/ckpt-{step}.{part}" for step in (1, 2) for part in ("index", "data-00000-of-00001")), "m/graph.pb"
    )
    one, key = open_store(place("m/checkpoint"))
    one.write(key, b'model_checkpoint_path: "ckpt-1"\n')
    assert fetch_model(place("m"), tmp_path / "out").checkpoint == "files/ckpt-1"


def test_a_saved_model_is_copied_whole(place: Place, tmp_path: Path) -> None:
    store(place, *(f"m/{name}" for name in SAVED_MODEL))
    record = fetch_model(place("m"), tmp_path / "out")
    assert (record.kind, record.graph) == ("saved_model", "files")
    assert files_under(tmp_path / "out" / "files") == sorted(SAVED_MODEL)
    assert read_model(tmp_path / "out") == Model("saved_model", tmp_path / "out" / "files")


@pytest.mark.parametrize("name", ["a.keras", "a.h5"])
def test_a_keras_file_is_copied(place: Place, name: str, tmp_path: Path) -> None:
    store(place, name)
    assert fetch_model(place(name), tmp_path / "out").kind == "keras"


def test_a_missing_model_leaves_nothing(place: Place, tmp_path: Path) -> None:
    store(place, "a.pb")
    with pytest.raises(MissingObjectError, match=r"there is no model at .*/b'; wanted a \.pb"):
        fetch_model(place("b"), tmp_path / "out" / "model")
    assert not (tmp_path / "out").exists()


def test_a_folder_without_a_model_leaves_nothing(place: Place, tmp_path: Path) -> None:
    store(place, "m/readme.txt")
    with pytest.raises(GraphError, match="holds no model"):
        fetch_model(place("m"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_of_another_kind_is_refused(place: Place, tmp_path: Path) -> None:
    store(place, "a.onnx")
    with pytest.raises(GraphError, match="no model that octavo knows by its name"):
        fetch_model(place("a.onnx"), tmp_path / "out")


def test_one_file_of_a_saved_model_is_refused(place: Place, tmp_path: Path) -> None:
    store(place, *(f"m/{name}" for name in SAVED_MODEL))
    with pytest.raises(GraphError, match="is one file of a SavedModel; give its folder"):
        fetch_model(place("m/saved_model.pb"), tmp_path / "out")


def test_an_earlier_model_is_replaced_whole(tmp_path: Path) -> None:
    def place(name: str) -> str:
        return str(tmp_path / "store" / name)

    store(place, *(f"m/{name}" for name in CHECKPOINT), "a.pb")
    fetch_model(place("m"), tmp_path / "out")
    fetch_model(place("a.pb"), tmp_path / "out")
    assert files_under(tmp_path / "out") == ["files/a.pb", "model.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "store"]


def test_an_earlier_model_stays_when_the_next_one_cannot_be_fetched(tmp_path: Path) -> None:
    store(lambda name: str(tmp_path / "store" / name), "a.pb", "m/graph.pb", "m/x.index", "m/x.data-00000-of-00001")
    fetch_model(str(tmp_path / "store" / "a.pb"), tmp_path / "out")
    (tmp_path / "store" / "m" / "x.index").unlink()
    (tmp_path / "store" / "m" / "x.index").symlink_to("/proc/self/mem")  # a file that opens and cannot be read
    with pytest.raises(StorageError):
        fetch_model(str(tmp_path / "store" / "m"), tmp_path / "out")
    assert files_under(tmp_path / "out") == ["files/a.pb", "model.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "store"]


@pytest.mark.parametrize("name", ["notes.txt", "."])
def test_a_target_that_holds_something_else_is_kept(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.pb").write_text("graph")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("precious")
    with pytest.raises(StorageError, match=r"is not empty and holds no model\.json|is a file; wanted a folder"):
        fetch_model(str(tmp_path / "a.pb"), tmp_path / "out" / name)
    assert (tmp_path / "out" / "notes.txt").read_text() == "precious"


def test_an_empty_target_is_filled(tmp_path: Path) -> None:
    (tmp_path / "a.pb").write_text("graph")
    (tmp_path / "out").mkdir()
    fetch_model(str(tmp_path / "a.pb"), tmp_path / "out")
    assert files_under(tmp_path / "out") == ["files/a.pb", "model.json"]


@pytest.mark.servers
@pytest.mark.parametrize("place", ["gs"], indirect=True)
@pytest.mark.parametrize("name", ["../../escaped", "/escaped", "a/../../escaped"])
def test_an_object_whose_name_leaves_the_folder_is_refused(place: Place, name: str, tmp_path: Path) -> None:
    store(place, "m/saved_model.pb", f"m/{name}")
    with pytest.raises(StorageError, match="which is no path inside a folder"):
        fetch_model(place("m"), tmp_path / "a" / "b" / "out")
    assert not any("escaped" in path.name for path in tmp_path.rglob("*"))


def test_the_command_prints_what_it_copied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.pb").write_text("graph")
    with pytest.raises(SystemExit) as ended:
        main(["fetch_model", str(tmp_path / "a.pb"), f"--output={tmp_path / 'out'}"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.splitlines() == [
        f"frozen graph: {tmp_path}/out/files/a.pb",
        f"              5  {hashlib.sha256(b'graph').hexdigest()[:12]}  files/a.pb",
    ]


def test_the_command_tells_what_is_missing_and_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["fetch-model", str(tmp_path / "nowhere.pb"), f"--output={tmp_path / 'out'}"])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("octavo: error: there is no model at")
    assert told.count("\n") == 1
