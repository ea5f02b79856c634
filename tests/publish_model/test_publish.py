"""Publishing: what is written where and in which order, and what is refused with nothing written."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from octavo.cli import main
from octavo.errors import AccuracyError, GraphError, OctavoError, SpecError, StorageError
from octavo.publish_model.publish import publish_model
from octavo.storage import claim, list_objects, read_bytes, upload
from proxy import CuttingProxy
from servers import StorageServer
from written import result

Place = Callable[[str], str]

GRAPH = b"an INT8 graph"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A folder with the files of a model that lost 0.5 points."""
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "graph.pb").write_bytes(GRAPH)
    (tmp_path / "work" / "page.html").write_text("<html>")
    summarize(tmp_path / "work", {"fp32": 78.2, "int8": 77.7, "difference": -0.5})
    return tmp_path / "work"


def summarize(work: Path, top1: object, sha256: str = hashlib.sha256(GRAPH).hexdigest()) -> None:
    measured = {"flips": 9, "images": 500} | top1 if isinstance(top1, dict) else top1
    (work / "result.json").write_text(result(top1=measured, sha256=sha256))


def publish(work: Path, target: str, tolerance: float = 1.0) -> list[str]:
    return publish_model(work / "graph.pb", work / "result.json", work / "page.html", target, tolerance=tolerance)


def names(uri: str) -> list[str]:
    return [entry.name for entry in list_objects(uri)]


@pytest.mark.parametrize("slash", ["", "/"])
def test_writes_the_three_files_the_graph_last(place: Place, work: Path, slash: str) -> None:
    written = publish(work, place("models/m1") + slash)
    assert written == [place(f"models/m1/{name}") for name in ("report.html", "summary.json", "int8.pb")]
    assert names(place("models")) == ["m1/int8.pb", "m1/report.html", "m1/summary.json"]
    assert read_bytes(written[2]) == GRAPH
    assert read_bytes(written[1]) == (work / "result.json").read_bytes()


def test_the_report_may_be_left_out(place: Place, work: Path) -> None:
    publish_model(work / "graph.pb", work / "result.json", None, place("m"), tolerance=1.0)
    assert names(place("m")) == ["int8.pb", "summary.json"]


def test_publishing_again_replaces(place: Place, work: Path) -> None:
    publish(work, place("m"))
    (work / "graph.pb").write_bytes(b"a better one")
    summarize(work, None, hashlib.sha256(b"a better one").hexdigest())
    publish(work, place("m"))
    assert read_bytes(place("m/int8.pb")) == b"a better one"


@pytest.mark.parametrize("tolerance", [0.5, 0.51, 100.0])
def test_a_loss_within_the_tolerance_is_published(work: Path, tolerance: float, tmp_path: Path) -> None:
    assert len(publish(work, str(tmp_path / "target"), tolerance)) == 3


def test_a_gain_is_published_at_no_tolerance(work: Path, tmp_path: Path) -> None:
    summarize(work, {"fp32": 70.0, "int8": 70.2, "difference": 0.2})
    assert len(publish(work, str(tmp_path / "target"), 0.0)) == 3


def test_a_model_that_nobody_measured_is_published(work: Path, tmp_path: Path) -> None:
    summarize(work, None)
    assert len(publish(work, str(tmp_path / "target"), 0.0)) == 3


@pytest.mark.parametrize("tolerance", [0.0, 0.49])
def test_a_loss_beyond_the_tolerance_writes_nothing(place: Place, work: Path, tolerance: float) -> None:
    with pytest.raises(AccuracyError, match=r"INT8 loses 0\.50 points of top-1 \(78\.20 -> 77\.70\), more than the"):
        publish(work, place("m"), tolerance)
    assert names(place("m")) == []


def test_a_summary_of_another_graph_writes_nothing(place: Place, work: Path) -> None:
    (work / "graph.pb").write_bytes(b"another")
    with pytest.raises(AccuracyError, match="measured on another graph"):
        publish(work, place("m"))
    assert names(place("m")) == []


@pytest.mark.parametrize(
    ("top1", "why"),
    [
        ({"fp32": 70.0, "int8": 60.0, "difference": 0.0}, "contradicts itself"),
        ({"fp32": float("nan"), "int8": 60.0, "difference": float("nan")}, r"\(top1\.fp32: "),
        ({"fp32": 70.0}, r"\(top1\.int8: "),
        ("70", r"\(top1: "),
    ],
)
def test_figures_that_cannot_be_trusted_write_nothing(work: Path, top1: object, why: str, tmp_path: Path) -> None:
    summarize(work, top1)
    with pytest.raises(OctavoError, match=why):
        publish(work, str(tmp_path / "target"))
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("tolerance", [-0.1, float("nan")])
def test_a_tolerance_that_makes_no_sense_is_refused(work: Path, tolerance: float, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="wanted 0 or more"):
        publish(work, str(tmp_path / "target"), tolerance)


@pytest.mark.parametrize(("name", "content"), [("result.json", "{"), ("result.json", "{}"), ("result.json", None)])
def test_a_summary_that_is_none_is_refused(work: Path, name: str, content: str | None, tmp_path: Path) -> None:
    (work / name).unlink()
    if content is not None:
        (work / name).write_text(content)
    with pytest.raises(GraphError, match=r"is no summary of a quantized model|the summary .* cannot be read"):
        publish(work, str(tmp_path / "target"))


@pytest.mark.parametrize(("name", "fault"), [("graph.pb", GraphError), ("page.html", StorageError)])
def test_a_missing_file_writes_nothing(work: Path, name: str, fault: type[Exception], tmp_path: Path) -> None:
    (work / name).unlink()
    with pytest.raises(fault, match=rf"{name}' cannot be read: No such file|there is no file .*{name}'"):
        publish(work, str(tmp_path / "target"))
    assert not (tmp_path / "target").exists()


@pytest.mark.servers
def test_keys_that_may_not_write_leave_nothing(
    s3_server: StorageServer, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3_server.use(monkeypatch)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "reader")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "reader-secret")
    with pytest.raises(StorageError, match=r"refused \(AccessDenied\)"):
        publish(work, s3_server.uri("denied"))
    assert names(s3_server.uri("denied")) == []


def test_a_target_that_fails_half_way_shows_no_graph(work: Path, tmp_path: Path) -> None:
    (tmp_path / "target" / "summary.json").mkdir(parents=True)
    with pytest.raises(StorageError, match=r"summary\.json' cannot be written"):
        publish(work, str(tmp_path / "target"))
    assert names(str(tmp_path / "target")) == []


@pytest.mark.parametrize("broken", ["summary.json", "int8.pb"])
def test_a_target_that_fails_half_way_shows_the_old_files_alone(work: Path, tmp_path: Path, broken: str) -> None:
    target = tmp_path / "target"
    publish(work, str(target))
    (target / broken).unlink()
    (target / broken / "in the way").mkdir(parents=True)
    before = {path.name: path.read_bytes() for path in target.iterdir() if path.is_file()}
    (work / "graph.pb").write_bytes(b"a better one")
    (work / "page.html").write_text("<html>a better one")
    summarize(work, None, hashlib.sha256(b"a better one").hexdigest())
    with pytest.raises(StorageError, match="cannot be written"):
        publish(work, str(target))
    assert {path.name: path.read_bytes() for path in target.iterdir() if path.is_file()} == before


def test_a_graph_that_arrived_although_its_answer_was_lost_is_published(
    place: Place, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def losing_answers(path: Path, uri: str) -> None:
        upload(path, uri)
        if uri.endswith("int8.pb"):
            raise StorageError("the connection was reset")

    monkeypatch.setattr("octavo.publish_model.publish.upload", losing_answers)
    assert publish(work, place("m"))[-1] == place("m/int8.pb")
    assert names(place("m")) == ["int8.pb", "report.html", "summary.json"]


def test_documents_that_cannot_be_put_back_are_named(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(work, str(tmp_path / "target"))

    def into_a_folder_that_closes(path: Path, uri: str) -> None:
        upload(path, uri)
        Path(uri).unlink()
        Path(uri, "in the way").mkdir(parents=True)
        raise StorageError("the store is away")

    monkeypatch.setattr("octavo.publish_model.publish.upload", into_a_folder_that_closes)
    with pytest.raises(
        StorageError, match=r"is away; .*report\.html may be the new model's, beside an int8\.pb that is not"
    ):
        publish(work, str(tmp_path / "target"))


def test_a_model_whose_float_graph_only_guesses_is_not_published(work: Path, tmp_path: Path) -> None:
    summarize(work, {"fp32": 10.6, "int8": 10.6, "difference": 0.0, "at_chance": True})
    with pytest.raises(AccuracyError, match=r"FP32 itself names only 10\.60 % .* check the preprocessing first"):
        publish(work, str(tmp_path / "target"))
    assert not (tmp_path / "target").exists()


def test_decisions_are_published_beside_the_rest(place: Place, work: Path) -> None:
    (work / "decisions.json").write_text("{}")
    publish_model(
        work / "graph.pb",
        work / "result.json",
        None,
        place("m"),
        tolerance=1.0,
        decisions=work / "decisions.json",
    )
    assert names(place("m")) == ["decisions.json", "int8.pb", "summary.json"]


def test_the_command_prints_what_it_wrote(work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "target"
    flags = [f"--summary={work / 'result.json'}", f"--report={work / 'page.html'}", f"--target={target}"]
    with pytest.raises(SystemExit) as ended:
        main(["publish_model", str(work / "graph.pb"), *flags, "--tolerance=1"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.split() == [
        f"{target}/{name}" for name in ("report.html", "summary.json", "int8.pb")
    ]


def test_the_command_refuses_with_one_sentence_and_exits_2(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [f"--summary={work / 'result.json'}", f"--target={tmp_path / 'target'}", "--tolerance", "0.1"]
    with pytest.raises(SystemExit) as ended:
        main(["publish-model", str(work / "graph.pb"), *flags])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("octavo: error: INT8 loses 0.50 points")
    assert told.count("\n") == 1
    assert not (tmp_path / "target").exists()


def test_two_publishers_never_interleave(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim, "POLL_SECONDS", 0.02)
    works = [tmp_path / name for name in ("one", "two", "three")]
    for work in works:
        work.mkdir()
        (work / "graph.pb").write_bytes(work.name.encode() * 1000)
        (work / "page.html").write_text(work.name)
        summarize(work, None, hashlib.sha256((work / "graph.pb").read_bytes()).hexdigest())
    with ThreadPoolExecutor(3) as threads:
        written = list(threads.map(lambda work: publish(work, place("m")), works))
    page, summary, graph = (read_bytes(uri) for uri in written[0])
    assert page.decode() in ("one", "two", "three")
    assert graph == page * 1000
    assert json.loads(summary)["sha256"] == hashlib.sha256(graph).hexdigest()
    assert names(place("m")) == ["int8.pb", "report.html", "summary.json"]


@pytest.mark.servers
def test_a_store_that_is_away_in_the_middle_is_waited_for_longer_than_a_lease(
    s3_server: StorageServer, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in {"LEASE": 1.0, "RENEWAL": 0.2, "POLL": 0.05, "RELEASE": 5}.items():
        monkeypatch.setattr(claim, f"{name}_SECONDS", seconds)
    s3_server.use(monkeypatch)
    monkeypatch.setenv("OCTAVO_STORE_RETRY_SECONDS", "60")
    proxy = CuttingProxy(s3_server.endpoint)
    monkeypatch.setenv("S3_ENDPOINT", proxy.endpoint)
    outages: list[threading.Timer] = []

    def upload_after_an_outage(path: Path, uri: str) -> None:
        if not outages:
            outages.append(proxy.leave(3))
        upload(path, uri)

    monkeypatch.setattr("octavo.publish_model.publish.upload", upload_after_an_outage)
    try:
        target = s3_server.uri("away/published")
        publish(work, target)
        assert names(target) == ["int8.pb", "report.html", "summary.json"]
    finally:
        outages[0].join()
        proxy.close()
