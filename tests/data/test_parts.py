"""The folder in which the pods of a loop leave what they made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.data.parts import KEPT_SECONDS, Parts, Plan, Turn, clear_old, parts_home, read_turn, shard_of
from octavo.data.shard import Shard, read_shards
from octavo.errors import DataError, StorageError
from octavo.graph_folder import new_graph_folder
from octavo.storage import list_objects
from servers import StorageServer

SHARDS = tuple(Shard(index=index, start=4 * index, stop=4 * index + 4) for index in range(7))
PLAN = Plan(kinds=("log",), shards=SHARDS, batch_size=4, preprocessing="unit", data="d")


def made(folder: Path, text: str) -> Path:
    path = folder / "made"
    path.write_text(text)
    return path


def left(parts: Parts, folder: Path, *numbers: int) -> None:
    for number in numbers:
        parts.leave("log", SHARDS[number], made(folder, f"{number}"))


def begun(home: str, folder: Path, plan: Plan = PLAN) -> Parts:
    parts = Parts(f"{home}/loop")
    graph = new_graph_folder(folder / "a graph")
    graph.graph.write_text("graph")
    graph.summary.write_text("summary")
    parts.begin(plan, made(folder, '{"uri": "a.npz"}\n'), dict.fromkeys(plan.kinds, graph))
    return parts


def open_shards(parts: Parts, plan: Plan = PLAN) -> list[int]:
    return [turn.shard for turn in parts.open_turns(plan)]


def check_a_loop(home: str, folder: Path) -> None:
    """Begin, leave, miss, gather, settle; the folder beside it stays."""
    parts, other = begun(home, folder), Parts(f"{home}/other")
    assert parts.plan() == PLAN
    assert open_shards(parts) == list(range(7))
    left(parts, folder, 0, 1, 2, 4, 5)
    other.leave("log", SHARDS[0], made(folder, "other"))
    assert open_shards(parts) == [3, 6]
    with pytest.raises(
        DataError, match=r"2 of 7 shards have left no log in .*: shard 3 \(examples 12 to 15\), shard 6"
    ):
        parts.gather("log", SHARDS, folder / "gathered")
    left(parts, folder, 3, 6, 0)
    assert [path.read_text() for path in parts.gather("log", SHARDS, folder / "gathered")] == list("0123456")
    fetched = parts.fetch_graph("log", folder / "fetched")
    assert fetched is not None
    assert (fetched.graph.read_text(), fetched.summary.read_text()) == ("graph", "summary")
    with pytest.raises(StorageError, match=r"graphs/other/graph\.pb"):
        parts.fetch_graph("other", folder / "fetched")
    assert not parts.settled("log", folder / "settled")
    parts.settle("log", made(folder, "merged"))
    assert parts.settled("log", folder / "settled")
    assert (folder / "settled").read_text() == "merged"
    assert open_shards(parts) == []
    assert parts.fetch_graph("log", folder / "fetched") is None, "its turns have been merged"
    assert [entry.name for entry in list_objects(parts.folder)] == ["manifest.jsonl", "merged/log", "plan.json"]
    assert [entry.name for entry in list_objects(other.folder)] == ["log/00000"]


def test_what_is_left_is_gathered_in_the_shards_order_and_merged_once(tmp_path: Path) -> None:
    check_a_loop(str(tmp_path / "home"), tmp_path)


@pytest.mark.servers
@pytest.mark.parametrize("name", ["s3_server", "gcs_server"])
def test_a_store_serves_as_well_as_a_disk(
    name: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server: StorageServer = request.getfixturevalue(name)
    server.use(monkeypatch)
    home = server.with_fresh_bucket().uri("home")
    check_a_loop(home, tmp_path)
    assert clear_old(home) == 0
    assert clear_old(home, now=max(entry.modified for entry in list_objects(home)) + KEPT_SECONDS + 60) == 2
    assert list_objects(home) == []


def test_of_two_kinds_the_one_that_is_merged_is_not_done_again(tmp_path: Path) -> None:
    plan = PLAN.model_copy(update={"kinds": ("fp32", "int8"), "shards": SHARDS[:2]})
    parts = begun(str(tmp_path), tmp_path, plan)
    parts.leave("int8", SHARDS[1], made(tmp_path, "1"))
    parts.settle("fp32", made(tmp_path, "merged"))
    assert parts.open_turns(plan) == [Turn(parts=parts.folder, kind="int8", shard=0)]


def test_many_missing_shards_are_counted(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"7 of 7 shards .* shard 4 \(examples 16 to 19\), 2 more; wanted one of each"):
        Parts(str(tmp_path)).gather("log", SHARDS, tmp_path / "gathered")


CHANGES: dict[str, object] = {
    "kinds": ("other",),
    "shards": SHARDS[:3],
    "batch_size": 5,
    "preprocessing": "torch",
    "recipe": "last_layer: fp32",
    "data": "e",
}


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_the_folder_of_another_setting_is_another(name: str, tmp_path: Path) -> None:
    manifest, other = made(tmp_path, "a"), PLAN.model_copy(update={name: CHANGES[name]})
    assert CHANGES.keys() == Plan.model_fields.keys()
    assert PLAN.digest(["g"], manifest) == PLAN.digest(["g"], manifest)
    assert PLAN.digest(["g"], manifest) != other.digest(["g"], manifest)


def test_the_folder_of_another_graph_or_other_examples_is_another(tmp_path: Path) -> None:
    manifest, other = made(tmp_path, "a"), tmp_path / "other"
    other.write_text("b")
    digests = [PLAN.digest(["g"], manifest), PLAN.digest(["h"], manifest), PLAN.digest(["g", "h"], manifest)]
    assert len({*digests, PLAN.digest(["g"], other)}) == 4


def test_what_nobody_has_written_to_for_a_week_is_cleared(tmp_path: Path) -> None:
    now = 1_700_000_000.0
    for name, ages in {"old": (9, 8), "young": (9, 1), "new": (0,)}.items():
        for number, days in enumerate(ages):
            path = tmp_path / name / "log" / str(number)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
            os.utime(path, (now, now - days * 24 * 3600))
    assert clear_old(str(tmp_path), now=now) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "young"]


@pytest.mark.parametrize(
    ("target", "work", "wanted"),
    [
        ("s3://b/models/resnet", "", "s3://b/models/.octavo-parts"),
        ("s3://b/models/resnet/", "", "s3://b/models/.octavo-parts"),
        ("gs://b/resnet", "", "gs://b/.octavo-parts"),
        ("s3://b", "", "s3://b/.octavo-parts"),
        ("/models/resnet", "", "/models/.octavo-parts"),
        ("s3://b/models/resnet", "minio://c/work", "minio://c/work/.octavo-parts"),
    ],
)
def test_the_folder_of_all_loops_is_beside_the_target_or_where_it_is_wanted(
    target: str, work: str, wanted: str
) -> None:
    assert parts_home(target, work) == wanted


@pytest.mark.parametrize("text", ["{}", "no JSON", '{"kinds": ["a"], "shards": [{"index": 0, "start": 4, "stop": 4}]}'])
def test_a_plan_of_something_else_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(DataError, match=r"'.*/plan\.json' is no plan of a loop: "):
        Parts(str(tmp_path)).plan()
    with pytest.raises(DataError, match=r"'.*plan\.json' holds no list of shards: "):
        read_shards(tmp_path / "plan.json")


def test_a_plan_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no plan of a loop at '.*/plan\.json'"):
        Parts(str(tmp_path)).plan()
    with pytest.raises(DataError, match=r"'.*plan' cannot be read: No such file"):
        read_shards(tmp_path / "plan")


@given(st.text(), st.text(), st.integers(min_value=0, max_value=10**6))
def test_a_turn_comes_back_from_its_text(parts: str, kind: str, shard: int) -> None:
    turn = Turn(parts=parts, kind=kind, shard=shard)
    assert read_turn(turn.as_text()) == turn


def test_a_turn_of_something_else_is_named() -> None:
    with pytest.raises(DataError, match=r"is no turn of a loop: .*shard"):
        read_turn({"parts": "s3://b/p", "kind": "log", "shard": "many"})
    with pytest.raises(DataError, match="has 7 shards; there is none of number 7"):
        shard_of(Turn(parts="p", kind="log", shard=7), PLAN)
