"""`octavo register` against a server that keeps its state: what it writes, and that it writes no more."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from kfp_server import State
from octavo.cluster.register import retire
from octavo.cluster.register.registration import Registration
from octavo.errors import SpecError
from quickstart import PIPELINE

Run = Callable[..., tuple[int, str, str]]
Write = Callable[..., Path]

COMPILED = PIPELINE / "pipeline.yaml"

PARAMETERS = {
    "model_uri": "s3://m",
    "calibration_uri": "s3://c",
    "validation_uri": "s3://v",
    "target_uri": "s3://t",
    "preprocessing": "torch",
    "shards": 8,
    "tolerance": 0.5,
}


def schedule(name: str = "nightly", **changes: Any) -> dict[str, Any]:
    return {"name": name, "cron": "0 2 * * *", "parameters": PARAMETERS, **changes}


@pytest.fixture
def register(host: str, run: Run, write: Write) -> Callable[..., list[str]]:
    """Register what is given; the lines that were printed."""

    def call(*flags: str, **changes: Any) -> list[str]:
        status, out, err = run(
            *("register", f"--registration={write(**changes)}", f"--pipeline-file={COMPILED}", f"--host={host}"), *flags
        )
        assert status == 0, err
        return out.splitlines()

    return call


@pytest.mark.parametrize(("name", "shown"), [("quantize-int8", "Quantize to INT8"), ("nightly-int8", "nightly-int8")])
def test_a_pipeline_is_found_by_its_name_whatever_it_is_shown_as(
    register: Callable[..., list[str]], state: State, name: str, shown: str
) -> None:
    register(pipeline=name)
    register(pipeline=name)

    (made,) = state.pipelines.values()
    assert (made.name, made.display_name) == (name, shown)


def test_a_first_installation_uploads_the_version_and_makes_experiment_and_schedules(
    register: Callable[..., list[str]], state: State
) -> None:
    done = register(schedules=[schedule(), schedule("weekly", cron="30 4 * * 0", enabled=False)])

    assert done == [
        "created the pipeline quantize-int8",
        "uploaded the version 0.1.0-aaaa",
        "created the experiment octavo",
        "created the schedule nightly: 0 2 * * *",
        "created the schedule weekly: 30 4 * * 0",
    ]
    (version,) = state.versions.values()
    (text,) = state.files.values()
    nightly, weekly = state.recurring_runs.values()
    assert text == COMPILED.read_text()
    assert version.display_name == "0.1.0-aaaa"
    assert version.description == next(yaml.safe_load_all(text))["pipelineInfo"]["description"]
    assert nightly.description.splitlines()[0] == (
        "Quantizes s3://m, calibrated on s3://c, to s3://t (0 2 * * *, minute to day of week)."
    )
    (experiment,) = state.experiments.values()
    assert experiment.description.startswith("Runs of quantize-int8: ")
    assert nightly.trigger.cron_schedule.cron == "0 0 2 * * *"
    assert nightly.runtime_config.parameters == PARAMETERS
    assert nightly.pipeline_version_reference.pipeline_version_id == version.pipeline_version_id
    assert (nightly.no_catchup, nightly.max_concurrency) == (True, "1")
    assert (nightly.mode, weekly.mode) == ("ENABLE", "DISABLE")


def test_a_second_installation_without_change_writes_nothing(register: Callable[..., list[str]], state: State) -> None:
    schedules = [schedule(f"s{number}") for number in range(7)]  # more than a page
    register(schedules=schedules)
    state.requests.clear()

    assert register(schedules=schedules) == ["nothing to change"]
    assert state.writes == []


def test_a_schedule_that_was_described_by_its_mark_alone_is_left_as_it_is(
    register: Callable[..., list[str]], state: State
) -> None:
    register(schedules=[schedule()])
    (nightly,) = state.recurring_runs.values()
    nightly.description = nightly.description.splitlines()[-1]

    assert register(schedules=[schedule()]) == ["nothing to change"]


def test_a_description_too_long_for_an_address_is_cut_to_its_first_paragraph(
    host: str, run: Run, write: Write, state: State, tmp_path: Path
) -> None:
    pipeline, platform = yaml.safe_load_all(COMPILED.read_text())
    pipeline["pipelineInfo"]["description"] = "What it does.\n\n" + "| a | table |\n" * 1000
    (tmp_path / "long.yaml").write_text(yaml.safe_dump_all([pipeline, platform]))
    done = run("register", f"--registration={write()}", f"--pipeline-file={tmp_path / 'long.yaml'}", f"--host={host}")

    assert done[0] == 0, done
    (version,) = state.versions.values()
    assert version.description == "What it does."


def test_an_upgrade_uploads_a_version_and_moves_the_schedules_to_it(
    register: Callable[..., list[str]], state: State
) -> None:
    register(schedules=[schedule()])
    done = register(version="0.2.0-bbbb", schedules=[schedule()])

    old, new = state.versions.values()
    (nightly,) = state.recurring_runs.values()
    assert done == [
        "uploaded the version 0.2.0-bbbb",
        "changed the schedule nightly: 0 2 * * *",
        "deleted the former nightly",
    ]
    assert old.pipeline_id == new.pipeline_id
    assert nightly.pipeline_version_reference.pipeline_version_id == new.pipeline_version_id
    assert len(state.pipelines) == len(state.experiments) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"cron": "0 3 * * *"},
        {"parameters": {**PARAMETERS, "shards": 4}},
        {"max_concurrency": 2},
        {"service_account": "quantizer"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_schedule_is_made_anew_before_the_old_one_goes(
    register: Callable[..., list[str]], state: State, change: dict[str, Any]
) -> None:
    register(schedules=[schedule(), schedule("weekly")])
    state.requests.clear()
    done = register(schedules=[schedule(**change), schedule("weekly")])

    assert done[0].startswith("changed the schedule nightly")
    assert done[1:] == ["deleted the former nightly"]
    assert [request.split()[0] for request in state.writes] == ["POST", "POST", "DELETE"]
    assert state.writes[1].endswith(":disable")
    assert sorted(run.display_name for run in state.recurring_runs.values()) == ["nightly", "weekly"]


def test_switching_a_schedule_keeps_it(register: Callable[..., list[str]], state: State) -> None:
    register(schedules=[schedule()])
    (before,) = state.recurring_runs

    assert register(schedules=[schedule(enabled=False)]) == ["disabled the schedule nightly"]
    assert register(schedules=[schedule(enabled=True)]) == ["enabled the schedule nightly"]
    assert list(state.recurring_runs) == [before]


def test_a_schedule_that_was_switched_in_the_ui_is_switched_back(
    register: Callable[..., list[str]], state: State
) -> None:
    register(schedules=[schedule()])
    (nightly,) = state.recurring_runs.values()
    nightly.mode = "DISABLE"

    assert register(schedules=[schedule()]) == ["enabled the schedule nightly"]


def test_a_schedule_that_is_listed_no_more_is_deleted(register: Callable[..., list[str]], state: State) -> None:
    register(schedules=[schedule(), schedule("weekly")])

    assert register(schedules=[schedule("weekly")]) == ["deleted the schedule nightly"]
    assert register() == ["deleted the schedule weekly"]
    assert state.recurring_runs == {}


def of(state: State, name: str) -> list[Any]:
    """The recurring runs of a name, oldest first."""
    return [run for run in state.recurring_runs.values() if run.display_name == name]


GOING = "its run run-0005 is going on, and would end with it; a register after that deletes it"


def test_a_change_lets_the_old_schedules_run_end_before_it_goes(
    register: Callable[..., list[str]], state: State
) -> None:
    register(schedules=[schedule()])
    (old,) = of(state, "nightly")
    going = state.fire(old)
    changed = [schedule(cron="0 3 * * *")]

    first = register(schedules=changed)
    assert first == ["changed the schedule nightly: 0 3 * * *", f"kept the former nightly, disabled: {GOING}"]
    assert [run.mode for run in of(state, "nightly")] == ["DISABLE", "ENABLE"]
    state.requests.clear()
    assert register(schedules=changed) == first[1:]
    assert state.writes == []

    going.state = "SUCCEEDED"
    assert register(schedules=changed) == ["deleted the former nightly"]
    assert [run.trigger.cron_schedule.cron for run in of(state, "nightly")] == ["0 0 3 * * *"]
    assert state.killed == []


@pytest.mark.parametrize("going", ["PENDING", "RUNNING", "CANCELING", "PAUSED", None])
def test_a_schedule_that_is_listed_no_more_stays_disabled_while_its_run_is_not_at_its_end(
    register: Callable[..., list[str]], state: State, going: str | None
) -> None:
    register(schedules=[schedule()])
    (old,) = of(state, "nightly")
    state.fire(old).state = going

    assert register() == [f"kept the schedule nightly, disabled: {GOING}"]
    assert (old.mode, state.killed) == ("DISABLE", [])


@pytest.mark.parametrize("ended", ["SUCCEEDED", "SKIPPED", "FAILED", "CANCELED"])
def test_runs_at_their_end_keep_no_schedule(register: Callable[..., list[str]], state: State, ended: str) -> None:
    register(schedules=[schedule(), schedule("weekly")])
    nightly, weekly = state.recurring_runs.values()
    for _ in range(4):  # more than a page
        state.fire(nightly).state = ended
    state.fire(weekly)

    assert register(schedules=[schedule("weekly")]) == ["deleted the schedule nightly"]
    assert state.killed == []


def test_an_uninstallation_keeps_the_schedule_of_a_run_that_is_going(
    register: Callable[..., list[str]], state: State
) -> None:
    register(schedules=[schedule(), schedule("weekly")])
    nightly, _ = state.recurring_runs.values()
    state.fire(nightly)

    kept, deleted = register("--remove-schedules")
    assert kept.startswith("kept the schedule nightly, disabled: its run ")
    assert deleted == "deleted the schedule weekly"
    assert (list(state.recurring_runs.values()), nightly.mode, state.killed) == ([nightly], "DISABLE", [])


def test_a_rollback_takes_back_the_schedule_whose_run_is_still_going(
    register: Callable[..., list[str]], state: State
) -> None:
    register(schedules=[schedule()])
    (old,) = of(state, "nightly")
    state.fire(old)
    register(version="0.2.0-bbbb", schedules=[schedule()])

    assert register(schedules=[schedule()]) == ["enabled the schedule nightly", "deleted the former nightly"]
    assert (of(state, "nightly"), old.mode, state.killed) == ([old], "ENABLE", [])


def test_a_run_that_begins_while_its_schedule_is_disabled_is_waited_for(
    register: Callable[..., list[str]], state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(schedules=[schedule()])
    (old,) = of(state, "nightly")
    old.mode = "ENABLE"
    paused: list[float] = []

    def listed_late(seconds: float) -> None:
        paused.append(seconds)
        old.mode = "ENABLE"
        state.fire(old)
        old.mode = "DISABLE"

    monkeypatch.setattr(retire, "SETTLE_SECONDS", 9.0)
    monkeypatch.setattr("octavo.cluster.register.retire.time.sleep", listed_late)

    assert register()[0].startswith("kept the schedule nightly, disabled")
    assert (paused, state.killed) == ([9.0], [])


def test_a_pinned_schedule_keeps_its_version_at_an_upgrade(register: Callable[..., list[str]], state: State) -> None:
    register(schedules=[schedule(), schedule("weekly")])
    before = {run.display_name: run for run in state.recurring_runs.values()}
    pinned = schedule("weekly", version="0.1.0-aaaa")
    done = register(version="0.2.0-bbbb", schedules=[schedule(), pinned])

    old, new = state.versions
    assert done == [
        "uploaded the version 0.2.0-bbbb",
        "changed the schedule nightly: 0 2 * * *",
        "deleted the former nightly",
    ]
    assert of(state, "weekly") == [before["weekly"]]
    references = {r.display_name: r.pipeline_version_reference for r in state.recurring_runs.values()}
    assert (references["weekly"].pipeline_version_id, references["nightly"].pipeline_version_id) == (old, new)


def test_a_schedule_pinned_to_a_version_that_is_not_there_changes_no_schedule(
    register: Callable[..., list[str]], host: str, run: Run, write: Write, state: State
) -> None:
    register(schedules=[schedule("weekly")])
    state.requests.clear()
    path = write(schedules=[schedule(), schedule("other", version="0.0.9-cccc")])
    status, _, err = run("register", f"--registration={path}", f"--pipeline-file={COMPILED}", f"--host={host}")

    assert (status, state.writes) == (2, [])
    for words in ("'other'", "'0.0.9-cccc'", "'quantize-int8'", "0.1.0-aaaa"):
        assert words in err


def test_what_another_made_is_left_alone(register: Callable[..., list[str]], state: State) -> None:
    register(owner="ns/other", schedules=[schedule()])
    (other,) = state.recurring_runs
    done = register(schedules=[schedule()])
    register()

    assert done == ["created the schedule nightly: 0 2 * * *"]
    assert list(state.recurring_runs) == [other]


def test_removing_deletes_the_owners_schedules_and_nothing_else(
    register: Callable[..., list[str]], state: State
) -> None:
    register(owner="ns/other", schedules=[schedule()])
    register(schedules=[schedule()])

    assert register("--remove-schedules") == ["deleted the schedule nightly"]
    assert register("--remove-schedules") == ["nothing to change"]
    assert len(state.recurring_runs) == len(state.versions) == len(state.experiments) == 1


def test_an_interrupted_change_is_tidied_by_the_next_run(register: Callable[..., list[str]], state: State) -> None:
    register(schedules=[schedule()])
    (first,) = state.recurring_runs.values()
    state.recurring_runs["twin"] = type(first)(**{**first.to_dict(), "recurring_run_id": "twin"})

    register(schedules=[schedule()])
    assert len(state.recurring_runs) == 1


def test_a_server_that_comes_up_late_is_waited_for(register: Callable[..., list[str]], state: State) -> None:
    state.failing = 2

    assert register("--wait=20")[0] == "created the pipeline quantize-int8"


def test_a_server_that_goes_away_in_between_is_asked_again(register: Callable[..., list[str]], state: State) -> None:
    state.failing_uploads = 2

    assert "uploaded the version 0.1.0-aaaa" in register()
    assert len(state.pipelines) == len(state.versions) == 1


def test_a_server_that_stays_away_ends_in_one_sentence(run: Run, write: Write) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{free.getsockname()[1]}"
    start = time.monotonic()
    status, _, err = run(
        "register", f"--registration={write()}", f"--pipeline-file={COMPILED}", f"--host={host}", "--wait=2"
    )

    assert status == 2
    assert time.monotonic() - start < 10
    assert len(err.splitlines()) == 1
    for words in (host, "does not answer", "tries in 2 s", "--host"):
        assert words in err


def test_multi_user_kubeflow_takes_the_token_and_the_namespace(
    host: str, run: Run, write: Write, state: State, tmp_path: Path
) -> None:
    state.multi_user, state.token = True, "renewed"
    token = tmp_path / "token"
    token.write_text("renewed\n")
    words = ("register", f"--registration={write(schedules=[schedule()])}", f"--pipeline-file={COMPILED}")
    flags = (f"--host={host}", "--namespace=vision", f"--token-file={token}")

    assert run(*words, *flags)[0] == 0
    state.requests.clear()
    assert run(*words, *flags)[1] == "nothing to change\n"
    assert state.writes == []
    assert {entry.namespace for entry in (*state.experiments.values(), *state.pipelines.values())} == {"vision"}


@pytest.mark.parametrize("token", ["stale", None])
def test_a_wrong_token_ends_in_one_sentence(
    host: str, run: Run, write: Write, state: State, tmp_path: Path, token: str | None
) -> None:
    state.token = "right"
    flags = []
    if token is not None:
        (tmp_path / "token").write_text(token)
        flags = [f"--token-file={tmp_path / 'token'}"]
    status, _, err = run(
        "register", f"--registration={write()}", f"--pipeline-file={COMPILED}", f"--host={host}", *flags
    )

    assert (status, len(err.splitlines())) == (2, 1)
    assert "refuses (401)" in err
    assert "--token-file" in err


def test_a_version_that_is_not_to_be_uploaded_must_be_there(
    register: Callable[..., list[str]], host: str, run: Run, write: Write
) -> None:
    words = ("register", f"--host={host}")
    status, _, err = run(*words, f"--registration={write(upload=False)}")
    assert status == 2
    assert "no version '0.1.0-aaaa'" in err
    register()
    assert run(*words, f"--registration={write(upload=False, schedules=[schedule()])}")[0] == 0


def test_a_parameter_that_the_pipeline_has_not_is_refused_by_the_server(host: str, run: Run, write: Write) -> None:
    path = write(schedules=[schedule(parameters={"model": "x"})])
    status, _, err = run("register", f"--registration={path}", f"--pipeline-file={COMPILED}", f"--host={host}")

    assert status == 2
    assert "Unrecognized input parameter: model" in err


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"owner": ""}, "owner"),
        ({"experiments": "x"}, "experiments"),
        ({"schedules": [schedule(cron="0 0 2 * * *")]}, "five fields"),
        ({"schedules": [schedule(), schedule()]}, "two schedules named 'nightly'"),
        ({"schedules": [{"name": "x"}]}, "schedules.0.cron"),
    ],
    ids=["no owner", "unknown field", "six fields", "one name twice", "no cron"],
)
def test_a_registration_that_is_not_valid_is_refused(
    run: Run, write: Write, changes: dict[str, Any], words: str
) -> None:
    status, _, err = run("register", f"--registration={write(**changes)}", "--host=http://127.0.0.1:9")

    assert status == 2
    assert words in err


@pytest.mark.parametrize("flag", ["--registration=nowhere.yaml", "--pipeline-file=nowhere.yaml"])
def test_a_missing_file_is_named(run: Run, write: Write, flag: str) -> None:
    status, _, err = run("register", f"--registration={write()}", "--host=http://127.0.0.1:9", flag)

    assert status == 2
    assert "nowhere.yaml" in err


def test_a_server_that_is_too_old_is_refused_before_anything_is_written(
    host: str, run: Run, write: Write, state: State
) -> None:
    state.version = "2.14.3"
    status, _, err = run("register", f"--registration={write()}", f"--pipeline-file={COMPILED}", f"--host={host}")

    assert status == 2
    assert "is Kubeflow Pipelines 2.14.3; wanted 2.15 or later: update it, or install the chart in mode argo" in err
    assert state.writes == []


def test_a_server_that_does_not_say_its_version_is_told(register: Callable[..., list[str]], state: State) -> None:
    state.version = "unknown"
    assert register()[0] == "the server does not say its version; wanted 2.15 or later"


def test_a_schedule_of_a_pipeline_that_runs_shards_as_a_job_may_have_ten_thousand() -> None:
    def registration(shards: int) -> str:
        schedules = [schedule(parameters=PARAMETERS | {"shards": shards})]
        return json.dumps({"owner": "o", "pipeline": "p", "version": "v", "schedules": schedules, "indexed_job": True})

    assert Registration.parse(registration(10000)).indexed_job
    with pytest.raises(SpecError, match="the schedule 'nightly': shards is 10001; wanted 10000 or fewer"):
        Registration.parse(registration(10001))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tolerance": -101}, "the parameter tolerance is -101; wanted 0 or more"),
        ({"shards": 247}, "shards and twice evaluation_shards are 251 (two graphs are evaluated), more than the 250"),
        ({"target_uri": "ftp://host/a"}, "the parameter target_uri: ftp:// is not supported"),
        ({"shards": "many"}, "the parameter shards is 'many'; wanted a number"),
    ],
)
def test_a_schedule_whose_runs_cannot_end_well_is_refused(
    host: str, run: Run, write: Write, state: State, changes: dict[str, Any], words: str
) -> None:
    file = write(schedules=[schedule(parameters=PARAMETERS | changes)])
    status, _, err = run("register", f"--registration={file}", f"--pipeline-file={COMPILED}", f"--host={host}")

    assert status == 2
    assert "the schedule 'nightly': " in err
    assert words in err
    assert state.requests == []
