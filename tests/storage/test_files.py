"""What only the store of local files has: links, permissions, unfinished files."""

from __future__ import annotations

from pathlib import Path

import pytest

from octavo.errors import StorageError
from octavo.storage import list_objects, open_store, read_bytes
from octavo.storage.partial import received


def test_a_file_uri_with_escapes_names_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "a b#.txt").write_text("x")
    assert read_bytes((tmp_path / "a b#.txt").as_uri()) == b"x"


def test_a_relative_path_is_a_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a").write_text("x")
    assert read_bytes("a") == b"x"
    assert [entry.uri for entry in list_objects(".")] == [str(tmp_path / "a")]


def test_links_are_followed_once(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "x").write_text("x")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "linked").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "round").symlink_to(tmp_path / "data")
    assert [entry.name for entry in list_objects(str(tmp_path / "data"))] == ["linked/x"]


def test_an_unfinished_file_is_not_listed_and_does_not_stay(tmp_path: Path) -> None:
    def give_up() -> None:
        with received(tmp_path / "a") as file:
            file.write(b"half")
            file.flush()
            assert len(list(tmp_path.iterdir())) == 1
            assert list_objects(str(tmp_path)) == []
            raise KeyError

    with pytest.raises(KeyError):
        give_up()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_read_is_not_taken_for_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(StorageError, match="cannot be used: Permission denied"):
        list_objects(str(tmp_path))


def test_deleting_a_folder_is_refused(tmp_path: Path) -> None:
    store, key = open_store(str(tmp_path))
    with pytest.raises(StorageError):
        store.delete(key)
    assert tmp_path.is_dir()
