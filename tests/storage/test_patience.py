"""Stores that are away for a while, and come back or not: waited for, told once, and never for what is refused."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from octavo.errors import StorageError
from octavo.storage import (
    MissingObjectError,
    claim,
    claimed,
    download,
    exists,
    list_objects,
    open_store,
    patience,
    read_bytes,
    s3_client,
    upload,
)
from octavo.storage import s3 as s3_store
from octavo.storage.files import FileStore
from octavo.storage.patience import VARIABLE, Patience, at_most
from octavo.storage.store import UnavailableError
from proxy import CuttingProxy, Proxied
from servers import ENDPOINTS, StorageServer
from stored import content_of, write
from stub import Answer, StubServer

Stub = Callable[..., StubServer]
XML = {"Content-Type": "application/xml"}


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A time that no test of a store that comes back uses up."""
    monkeypatch.setenv(VARIABLE, "60")
    monkeypatch.setattr(patience, "LONGEST_PAUSE_SECONDS", 0.5)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was said of outages."""
    return [record.getMessage() for record in caplog.records if record.name == patience.__name__]


# A store that comes back


def test_every_operation_waits_for_a_store_that_comes_back_and_the_outage_is_told_once(
    server: StorageServer, proxied: Proxied, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    proxy = proxied()
    folder = f"away/{server.scheme}"
    write(server.uri(f"{folder}/a"), b"content")
    write(server.uri(f"{folder}/gone"), b"x")
    (tmp_path / "in").write_bytes(content_of(1 << 20))
    store, key = open_store(server.uri(f"{folder}/a"))
    version = store.versioned(key)[1]

    def name(other: str) -> str:
        return key.removesuffix("a") + other

    operations: dict[str, Callable[[], object]] = {
        "read": lambda: store.read(key),
        "read_range": lambda: store.read_range(key, 2, 5),
        "download": lambda: store.download(key, tmp_path / "out"),
        "write": lambda: store.write(name("written"), b"1"),
        "upload": lambda: store.upload(tmp_path / "in", name("uploaded")),
        "versioned": lambda: store.versioned(key),
        "write_if": lambda: bool(store.write_if(name("made"), b"2", None)),
        "list": lambda: [entry.name for entry in store.list(name("none/"))],
        "size": lambda: store.size(key),
        "delete": lambda: store.delete(name("gone")),
    }
    timer = proxy.leave(1.5)
    start = time.monotonic()
    with ThreadPoolExecutor(len(operations)) as threads:
        answers = dict(zip(operations, threads.map(lambda ask: ask(), operations.values()), strict=True))
    assert time.monotonic() - start >= 1.5
    timer.join()
    assert answers == {
        **dict.fromkeys(("download", "write", "upload", "delete")),
        "read": b"content",
        "read_range": b"nte",
        "versioned": (b"content", version),
        "write_if": True,
        "list": [],
        "size": 7,
    }
    assert (tmp_path / "out").read_bytes() == b"content"
    assert store.read(name("written")) == b"1"
    assert store.read(name("made")) == b"2"
    assert store.read(name("uploaded")) == (tmp_path / "in").read_bytes()
    assert not exists(server.uri(f"{folder}/gone"))
    first, second = told(caplog)
    assert re.fullmatch(rf"the store at {proxy.endpoint} cannot be reached \(.*\); trying for up to 60 s", first)
    assert re.fullmatch(rf"the store at {proxy.endpoint} answers again, after some \d+ s", second)


def test_a_burst_of_refusals_is_waited_out(server: StorageServer, proxied: Proxied) -> None:
    proxy = proxied()
    uri = server.uri("burst/a")
    for ask in (
        lambda: write(uri, b"content"),
        lambda: read_bytes(uri),
        lambda: list_objects(server.uri("burst")),
        lambda: exists(uri),
    ):
        proxy.refusals = 5
        ask()
        assert proxy.refusals == 0


def test_a_download_goes_on_where_it_broke_off(server: StorageServer, proxied: Proxied, tmp_path: Path) -> None:
    content = content_of(5 << 20)
    write(server.uri("resumed/a"), content)
    proxy = proxied()
    proxy.resets, proxy.to_client = True, 1 << 20  # no connection ever brings more
    download(server.uri("resumed/a"), tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == content
    assert proxy.cuts >= 5


def test_a_download_of_an_object_that_is_replaced_meanwhile_is_the_new_one(
    server: StorageServer, proxied: Proxied, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = content_of(2 << 20), content_of(3 << 20)
    uri = server.uri("replaced/a")
    write(uri, old)
    proxy = proxied()
    proxy.to_client, proxy.most_cuts = 1 << 20, 1
    monkeypatch.setattr(patience, "FIRST_PAUSE_SECONDS", 4.0)
    monkeypatch.setattr(patience, "LONGEST_PAUSE_SECONDS", 4.0)
    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(download, uri, tmp_path / "copy")
        while not proxy.cuts:
            time.sleep(0.001)
        monkeypatch.setenv(ENDPOINTS[server.scheme], server.endpoint)
        write(uri, new)
        done.result()
    assert (tmp_path / "copy").read_bytes() == new


def test_an_upload_that_breaks_off_again_and_again_is_completed(
    server: StorageServer, proxied: Proxied, tmp_path: Path
) -> None:
    (tmp_path / "in").write_bytes(content_of(3 << 20))
    proxy = proxied()
    proxy.resets, proxy.to_server, proxy.most_cuts = True, 1 << 20, s3_client.BROKEN_TRIES + 2
    upload(tmp_path / "in", server.uri("again/a"))
    assert proxy.cuts == proxy.most_cuts
    assert read_bytes(server.uri("again/a")) == (tmp_path / "in").read_bytes()


@pytest.mark.servers
def test_an_upload_in_parts_outlives_an_outage(
    s3_server: StorageServer,
    s3_place: Callable[[str], str],
    cutting_proxy: Callable[[str], CuttingProxy],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(s3_store, "PART_BYTES", 5 << 20)
    (tmp_path / "in").write_bytes(content_of(12 << 20))
    proxy = cutting_proxy(s3_server.endpoint)
    proxy.to_server, proxy.most_cuts = 7 << 20, s3_client.BROKEN_TRIES + 1
    monkeypatch.setenv("S3_ENDPOINT", proxy.endpoint)
    upload(tmp_path / "in", s3_place("a"))
    assert read_bytes(s3_place("a")) == (tmp_path / "in").read_bytes()


@pytest.mark.servers
def test_an_upload_to_google_of_which_a_part_is_refused_is_begun_again(
    gcs_server: StorageServer,
    gcs_place: Callable[[str], str],
    cutting_proxy: Callable[[str], CuttingProxy],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from google.cloud.storage import blob

    monkeypatch.setattr(blob, "_DEFAULT_CHUNKSIZE", 1 << 20)
    monkeypatch.setattr(blob, "_MAX_MULTIPART_SIZE", 1 << 20)
    (tmp_path / "in").write_bytes(content_of(4 << 20))
    proxy = cutting_proxy(gcs_server.endpoint)
    proxy.spared, proxy.refusals = 2, 1  # the upload's beginning is the first request
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", proxy.endpoint)
    upload(tmp_path / "in", gcs_place("a"))
    assert read_bytes(gcs_place("a")) == (tmp_path / "in").read_bytes()


def test_a_conditional_write_whose_answers_are_lost_is_no_conflict(server: StorageServer, proxied: Proxied) -> None:
    store, key = open_store(server.uri("lost/a"))
    first = store.write_if(key, b"1", None)
    proxy = proxied()
    store, key = open_store(server.uri("lost/a"))
    proxy.to_client, proxy.most_cuts = 0, s3_client.BROKEN_TRIES + 1
    second = store.write_if(key, b"2", first)
    assert proxy.cuts == proxy.most_cuts
    assert (store.versioned(key), second == first) == ((b"2", second), False)


# A store that stays away, and one that refuses


def test_the_time_is_counted_from_the_first_failure_and_told(
    server: StorageServer, dead_endpoint: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(VARIABLE, "1.2")
    monkeypatch.setenv(ENDPOINTS[server.scheme], dead_endpoint)
    start = time.monotonic()
    with pytest.raises(
        StorageError,
        match=rf"a: the store at {dead_endpoint} cannot be reached \(Connection refused\); ch"
        r".* \(tried for 1 s\)$",
    ):
        read_bytes(server.uri("a"))
    assert 1.2 <= time.monotonic() - start < 4
    assert [line.rpartition(";")[2] for line in told(caplog)] == [" trying for up to 1.2 s"]


def test_at_a_desk_a_dead_endpoint_is_told_within_seconds(
    server: StorageServer, dead_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv(ENDPOINTS[server.scheme], dead_endpoint)
    start = time.monotonic()
    with pytest.raises(StorageError, match="cannot be reached"):
        read_bytes(server.uri("a"))
    assert time.monotonic() - start < 8


def test_nothing_is_tried_again_in_no_time(
    server: StorageServer, dead_endpoint: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(VARIABLE, "0")
    monkeypatch.setenv(ENDPOINTS[server.scheme], dead_endpoint)
    with pytest.raises(StorageError, match=r"the network$"):
        read_bytes(server.uri("a"))
    assert told(caplog) == []


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf"])
def test_a_time_that_is_none_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(StorageError, match=f"{VARIABLE} is '{text}'; wanted seconds, 0 or more"):
        Patience()


def refusal(code: str, status: int) -> Answer:
    return Answer(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode(), XML)


@pytest.mark.parametrize(
    ("scheme", "answer"),
    [
        ("s3", refusal("AccessDenied", 403)),
        ("s3", refusal("InvalidAccessKeyId", 403)),
        ("s3", refusal("SignatureDoesNotMatch", 403)),
        ("s3", refusal("NoSuchBucket", 404)),
        ("s3", refusal("NoSuchKey", 404)),
        ("s3", refusal("ExpiredToken", 400)),
        ("s3", refusal("NotImplemented", 501)),
        ("s3", Answer(403)),
        ("s3", Answer(404, b"<html>no such page</html>", {"Content-Type": "text/html"})),
        ("gs", Answer(400)),
        ("gs", Answer(403)),
        ("gs", Answer(501)),
    ],
)
def test_what_is_refused_is_asked_once(
    scheme: str, answer: Answer, stub: Stub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refusing = stub(answer)
    monkeypatch.setenv(ENDPOINTS[scheme], refusing.endpoint)
    with pytest.raises(StorageError) as caught:
        read_bytes(f"{scheme}://bucket/key")
    assert not isinstance(caught.value, UnavailableError)
    assert len(refusing.asked) == 1
    assert told(caplog) == []


@pytest.mark.parametrize(
    ("scheme", "answer"),
    [
        ("s3", refusal("SlowDown", 503)),
        ("s3", refusal("RequestTimeout", 400)),
        ("s3", refusal("XMinioServerNotInitialized", 503)),
        ("s3", Answer(502, b"<html>bad gateway</html>", {"Content-Type": "text/html"})),
        ("s3", Answer(429)),
        ("gs", Answer(408)),
        ("gs", Answer(429)),
        ("gs", Answer(500)),
        ("gs", Answer(503, b"<html>no upstream</html>", {"Content-Type": "text/html"})),
    ],
)
def test_what_may_pass_is_asked_again(scheme: str, answer: Answer, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = stub(*[answer] * 5, Answer(body=b"x", headers={"ETag": '"e"'}))
    monkeypatch.setenv(ENDPOINTS[scheme], busy.endpoint)
    assert read_bytes(f"{scheme}://bucket/key") == b"x"
    assert len(busy.asked) == 6


@pytest.mark.parametrize("scheme", ENDPOINTS)
def test_a_host_that_no_name_server_knows_is_tried_for_a_shorter_time(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"octavo.storage.{scheme.replace('gs', 'gcs')}_errors.UNKNOWN_NAME_SECONDS", 0.5)
    monkeypatch.setenv(ENDPOINTS[scheme], "http://no-such-host.invalid:9000")
    start = time.monotonic()
    with pytest.raises(StorageError, match=r"cannot be reached \(Name or service not known\)"):
        read_bytes(f"{scheme}://bucket/key")
    assert time.monotonic() - start < 10


def test_failures_far_apart_are_outages_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "0.2")
    monkeypatch.setattr(patience, "NEW_OUTAGE_SECONDS", 0.1)
    tries = Patience()
    fault = UnavailableError("a: the store is away", "the store", "is away")
    for _ in range(4):
        assert tries.waits(fault)
        time.sleep(0.15)


def test_what_always_breaks_late_comes_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "0.2")
    monkeypatch.setattr(patience, "NEW_OUTAGE_SECONDS", 0.05)
    tries, count = Patience(), 0
    fault = UnavailableError("a: the store is away", "the store", "is away")
    while tries.waits(fault) and count < 50:
        count += 1
        time.sleep(0.1)
    assert patience.MOST_OUTAGES <= count < 50


def test_an_outer_limit_is_undone_by_infinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "5")
    fault = UnavailableError("a: the store is away", "the store", "is away")
    with at_most(0):
        assert not Patience().waits(fault)
        with at_most(math.inf):
            assert Patience().waits(fault)
        assert not Patience().waits(fault)


# Tokens


@pytest.mark.servers
def test_an_identity_whose_keys_are_late_is_asked_again(
    s3_place: Callable[[str], str], stub: Stub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write(s3_place("a"), b"content")
    expires = datetime.now(UTC) + timedelta(hours=1)
    keys = {"AccessKeyId": "admin", "SecretAccessKey": "admin-secret", "Token": ""}
    given = Answer(body=json.dumps({**keys, "Expiration": f"{expires:%Y-%m-%dT%H:%M:%SZ}"}).encode())
    agent = stub(*[Answer(503)] * 4, given)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{agent.endpoint}/credentials")
    assert read_bytes(s3_place("a")) == b"content"
    assert len(agent.asked) == 5
    assert "the pod's identity (AWS_CONTAINER_CREDENTIALS_FULL_URI) gave no keys for the store; tr" in told(caplog)[0]


def test_an_identity_that_refuses_is_asked_once(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = stub(Answer(403))
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{agent.endpoint}/credentials")
    with pytest.raises(StorageError, match="gave no keys for the store; check its role"):
        read_bytes("s3://bucket/key")
    assert len(agent.asked) == 1


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidToken"])
def test_a_token_of_an_identity_that_ran_out_is_replaced(
    code: str, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    expires = datetime.now(UTC) + timedelta(seconds=1)
    keys = {"AccessKeyId": "a", "SecretAccessKey": "b", "Token": "c", "Expiration": f"{expires:%Y-%m-%dT%H:%M:%SZ}"}
    agent = stub(Answer(body=json.dumps(keys).encode()))
    store = stub(refusal(code, 400), Answer(body=b"x", headers={"ETag": '"e"'}))
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{agent.endpoint}/credentials")
    monkeypatch.setenv("S3_ENDPOINT", store.endpoint)
    assert read_bytes("s3://bucket/key") == b"x"
    assert len(agent.asked) == len(store.asked) == 2


# Claims


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Claims that run out soon, though later than a busy machine takes for a request."""
    for name, seconds in {"LEASE": 1.0, "RENEWAL": 0.2, "WAIT": 30, "POLL": 0.05, "RELEASE": 5}.items():
        monkeypatch.setattr(claim, f"{name}_SECONDS", seconds)


@pytest.mark.usefixtures("quick")
def test_a_claim_outlives_an_outage_longer_than_its_lease_though_another_waits(
    server: StorageServer, proxied: Proxied
) -> None:
    folder = server.uri(f"claims/{server.scheme}")
    proxy = proxied()
    order: list[str] = []

    def wait_for_turn() -> None:
        with claimed(folder, "the one that waits"):
            order.append("second")

    with ThreadPoolExecutor(1) as thread:
        with claimed(folder, "the one that writes") as mine:
            waiting = thread.submit(wait_for_turn)
            time.sleep(0.5)
            proxy.leave(2.5).join()
            mine.check()
            mine.keep(lambda: write(f"{folder}/a", b"x"))
            order.append("first")
        waiting.result()
    assert order == ["first", "second"]
    assert read_bytes(f"{folder}/a") == b"x"
    assert not exists(f"{folder}/{claim.NAME}")


@pytest.mark.usefixtures("quick")
def test_work_under_a_claim_waits_for_the_store_to_come_back_and_says_so_once(
    server: StorageServer, proxied: Proxied, caplog: pytest.LogCaptureFixture
) -> None:
    folder = server.uri(f"kept/{server.scheme}")
    proxy = proxied()
    with claimed(folder, "a writer") as mine:
        timer = proxy.leave(2.5)
        mine.keep(lambda: write(f"{folder}/a", b"x"))
        timer.join()
    assert read_bytes(f"{folder}/a") == b"x"
    assert [line.partition(";")[2] or line.partition(" answers")[1] for line in told(caplog)] == [
        " trying for up to 60 s",
        " answers",
    ]


@pytest.mark.usefixtures("quick")
def test_work_that_was_cut_off_while_another_took_the_claim_over_is_not_done(
    server: StorageServer, proxied: Proxied, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = server.uri(f"cut-off/{server.scheme}")
    proxy = proxied()
    with claimed(folder, "the one that is cut off") as mine:
        cut_off, key = open_store(f"{folder}/a")
        monkeypatch.setenv(ENDPOINTS[server.scheme], server.endpoint)  # the others still reach the store
        timer = proxy.leave(3)
        with claimed(folder, "the next one"):
            with pytest.raises(StorageError, match=r"the right to write there was lost \(.*somebody else"):
                mine.keep(lambda: cut_off.write(key, b"too late"))
            timer.join()
    with pytest.raises(MissingObjectError):
        read_bytes(f"{folder}/a")


@pytest.mark.usefixtures("quick")
def test_a_renewal_whose_answer_was_lost_does_not_lose_the_claim(server: StorageServer, proxied: Proxied) -> None:
    folder = server.uri(f"renewed/{server.scheme}")
    proxy = proxied()
    with claimed(folder, "a writer") as mine:
        proxy.to_client, proxy.most_cuts = 0, 8
        proxy.leave(0.1).join()  # the next connections are of that kind
        end = time.monotonic() + 20
        while proxy.cuts < 8 and time.monotonic() < end:
            time.sleep(0.05)
        mine.check()
    assert not exists(f"{folder}/{claim.NAME}")


class LosesAnAnswer(FileStore):
    """Files of which the first deletion succeeds unheard, after which the next writer makes its claim."""

    next_claim = b'{"owner": "the next one", "token": "0"}'

    def delete(self, key: str) -> None:
        super().delete(key)
        self.write(key, self.next_claim)
        raise UnavailableError(f"{key}: the store breaks off", "the store", "breaks off")


@pytest.mark.usefixtures("quick")
def test_the_end_of_a_claim_leaves_that_of_the_next_writer(tmp_path: Path) -> None:
    store, key = LosesAnAnswer(), str(tmp_path / claim.NAME)
    first = claim.Claim(store, key, "the first one", str(tmp_path))
    first.take(None)
    first.release()
    assert store.read(key) == LosesAnAnswer.next_claim
