"""Which content a data set has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from octavo.data import versions as module
from octavo.data.parts import Parts, Plan
from octavo.data.shard import Shard
from octavo.data.versions import check_unchanged, data_version, versions
from octavo.errors import DataError, StorageError
from octavo.storage import upload
from servers import StorageServer


def manifest_of(folder: Path, uris: list[str]) -> Path:
    path = folder / "list.jsonl"
    path.write_text("".join(json.dumps({"uri": uri}) + "\n" for uri in uris))
    return path


def files(folder: Path, count: int) -> list[str]:
    (folder / "data").mkdir()
    for number in range(count):
        (folder / f"data/{number:03}.jpg").write_text(str(number))
    return [str(folder / f"data/{number:03}.jpg") for number in range(count)]


@pytest.mark.parametrize("count", [1, module.LISTED, module.LISTED + 1])
def test_the_version_is_another_once_one_file_is_replaced(count: int, tmp_path: Path) -> None:
    uris = files(tmp_path, count)
    manifest = manifest_of(tmp_path, uris)
    before = data_version(manifest)
    assert data_version(manifest) == before
    Path(uris[-1]).write_text("something else")
    assert data_version(manifest) != before


def test_a_file_beside_those_of_the_data_set_changes_nothing(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, files(tmp_path, module.LISTED + 1))
    before = data_version(manifest)
    (tmp_path / "data" / "another.jpg").write_text("")
    assert data_version(manifest) == before


@pytest.mark.servers
@pytest.mark.parametrize("name", ["s3_server", "gcs_server"])
@pytest.mark.parametrize("listed", [0, 50])
def test_a_store_tells_the_same_versions_listed_and_one_by_one(
    name: str, listed: int, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server: StorageServer = request.getfixturevalue(name)
    server.use(monkeypatch)
    bucket = server.with_fresh_bucket()
    uris = [bucket.uri(f"data/{number}") for number in range(3)]
    for number, uri in enumerate(uris):
        upload(Path(files_once(tmp_path, number)), uri)
    one_by_one = dict(versions(uris))
    monkeypatch.setattr(module, "LISTED", listed)
    assert dict(versions(uris)) == one_by_one
    assert len(set(one_by_one.values())) == 3
    upload(Path(files_once(tmp_path, 7)), uris[1])
    changed = dict(versions(uris))
    assert [uri for uri in uris if changed[uri] != one_by_one[uri]] == [uris[1]]


def files_once(folder: Path, number: int) -> str:
    path = folder / f"of-{number}"
    path.write_text(f"content {number}")
    return str(path)


def test_a_data_set_that_was_changed_while_it_was_read_is_told(tmp_path: Path) -> None:
    uris = files(tmp_path, 3)
    manifest = manifest_of(tmp_path, uris)
    shards = (Shard(start=0, stop=3),)
    plan = Plan(kinds=("log",), shards=shards, batch_size=1, preprocessing="unit", data=data_version(manifest))
    parts = Parts(str(tmp_path / "parts"))
    parts.begin(plan, manifest, {})
    check_unchanged(parts, plan)
    Path(uris[1]).write_text("something else")
    with pytest.raises(DataError, match=r"data set was changed while it was read: .*start the run again"):
        check_unchanged(parts, plan)
    Path(uris[1]).unlink()
    with pytest.raises(StorageError, match=r"001\.jpg"):
        data_version(manifest)
    with pytest.raises(DataError, match=r"was taken away while it was read .*001\.jpg"):
        check_unchanged(parts, plan)
