"""Proving a target writable before the work."""

from collections.abc import Callable
from pathlib import Path

import pytest

from octavo.errors import StorageError
from octavo.storage import list_objects, prove_writable


def test_a_folder_that_can_be_written_is_left_as_it_was(place: Callable[[str], str]) -> None:
    prove_writable(place("models/new"))
    assert list_objects(place("models")) == []


def test_folders_that_were_made_for_it_go_again(tmp_path: Path) -> None:
    prove_writable(str(tmp_path / "a" / "b"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_there_stays(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    prove_writable(str(tmp_path / "a"))
    assert (tmp_path / "a").is_dir()


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(StorageError, match=r"a/\.octavo-writable' cannot be written"):
        prove_writable(str(tmp_path / "a"))


def test_a_bucket_that_is_not_there_is_named(place: Callable[[str], str]) -> None:
    uri = place("x")
    scheme, _, rest = uri.partition("://")
    if rest:
        with pytest.raises(StorageError, match="nowhere"):
            prove_writable(f"{scheme}://nowhere/x")
