"""The folder in which the pods of a loop leave what they made."""

from __future__ import annotations

from pathlib import Path

import pytest

from octavo.data.plan import Plan, make_plan, read_plan
from octavo.data.shard import Shard, read_shards
from octavo.errors import DataError
from octavo.files import write_json
from octavo.storage import list_objects
from servers import StorageServer

SHARDS = tuple(Shard(index=index, start=4 * index, stop=4 * index + 4) for index in range(7))


def made(folder: Path, text: str) -> Path:
    path = folder / "made"
    path.write_text(text)
    return path


def left(plan: Plan, folder: Path, *numbers: int) -> None:
    for number in numbers:
        plan.leave("log", SHARDS[number], made(folder, f"{number}"))


def check_a_plan(target: str, folder: Path) -> None:
    """Leave, miss, gather and clear; the folder beside it stays."""
    plan, other = make_plan(SHARDS, target), make_plan(SHARDS[:1], target)
    left(plan, folder, 0, 1, 2, 4, 5)
    other.leave("log", SHARDS[0], made(folder, "other"))
    with pytest.raises(
        DataError, match=r"2 of 7 shards have left no log in .*: shard 3 \(examples 12 to 15\), shard 6"
    ):
        plan.gather("log", folder / "gathered")
    left(plan, folder, 3, 6, 0)
    assert [path.read_text() for path in plan.gather("log", folder / "gathered")] == list("0123456")
    assert plan.clear() == 7
    assert plan.clear() == 0
    assert [entry.name for entry in list_objects(other.folder)] == ["log/00000"]


def test_what_is_left_is_gathered_in_the_shards_order_and_a_missing_shard_is_named(tmp_path: Path) -> None:
    check_a_plan(str(tmp_path / "target"), tmp_path)
    assert [path.name for path in (tmp_path / "target").iterdir()] == [
        Path(entry.uri).parts[-3] for entry in list_objects(str(tmp_path / "target"))
    ]


@pytest.mark.servers
@pytest.mark.parametrize("name", ["s3_server", "gcs_server"])
def test_a_store_serves_as_well_as_a_disk(
    name: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server: StorageServer = request.getfixturevalue(name)
    server.use(monkeypatch)
    check_a_plan(server.with_fresh_bucket().uri("target"), tmp_path)


def test_many_missing_shards_are_counted(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"7 of 7 shards .* shard 4 \(examples 16 to 19\), 2 more; wanted one of each"):
        make_plan(SHARDS, str(tmp_path)).gather("log", tmp_path / "gathered")


def test_a_plan_comes_back_from_its_file(tmp_path: Path) -> None:
    plan = make_plan(SHARDS, str(tmp_path))
    write_json(tmp_path / "plan", plan.model_dump())
    assert read_plan(tmp_path / "plan") == plan


@pytest.mark.parametrize("text", ["{}", "no JSON", '{"shards": [{"index": 0, "start": 4, "stop": 4}], "folder": "a"}'])
def test_a_file_of_something_else_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "plan").write_text(text)
    with pytest.raises(DataError, match=r"'.*plan' is no plan of shards: "):
        read_plan(tmp_path / "plan")
    with pytest.raises(DataError, match=r"'.*plan' holds no list of shards: "):
        read_shards(tmp_path / "plan")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'.*plan' cannot be read: No such file"):
        read_plan(tmp_path / "plan")
    with pytest.raises(DataError, match=r"'.*plan' cannot be read: No such file"):
        read_shards(tmp_path / "plan")
