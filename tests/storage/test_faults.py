"""Bad networks and failing servers in front of the real stores: a right result, or an error that names the object.

And the keys of the stores: in no log, however much is logged.
"""

from __future__ import annotations

import hashlib
import logging
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from octavo.errors import StorageError
from octavo.storage import (
    checksums,
    download,
    exists,
    list_objects,
    open_object,
    open_store,
    pieces,
    read_bytes,
    upload,
)
from octavo.storage import s3 as s3_store
from proxy import Proxied
from servers import StorageServer
from stored import content_of, write


@pytest.mark.parametrize("refusals", [1, 2])
def test_a_busy_server_is_asked_again(server: StorageServer, proxied: Proxied, refusals: int) -> None:
    uri = server.uri("busy/a")
    proxy = proxied()
    proxy.refusals = refusals
    write(uri, b"content")
    proxy.refusals = refusals
    assert read_bytes(uri) == b"content"
    proxy.refusals = refusals
    assert [entry.name for entry in list_objects(server.uri("busy"))] == ["a"]
    assert proxy.refusals == 0


def test_a_reset_connection_is_made_again(server: StorageServer, proxied: Proxied, tmp_path: Path) -> None:
    content = content_of(3 << 20)
    uri = server.uri("reset/a")
    write(uri, content)
    proxy = proxied()
    proxy.resets, proxy.to_client, proxy.most_cuts = True, 1 << 20, 1
    download(uri, tmp_path / "copy")
    assert (proxy.cuts, (tmp_path / "copy").read_bytes()) == (1, content)


def test_a_part_of_a_large_object_is_read_over_a_bad_line(server: StorageServer, proxied: Proxied) -> None:
    content = content_of(9 << 20)
    uri = server.uri("part/a")
    write(uri, content)
    proxy = proxied()
    proxy.to_client, proxy.most_cuts = 1 << 20, 1
    with open_object(uri) as file:
        file.seek(5 << 20)
        assert file.read(100) == content[5 << 20 : (5 << 20) + 100]
        file.seek(-10, 2)
        assert file.read() == content[-10:]
        assert file.read() == b""
    assert proxy.cuts == 1


def test_a_body_that_only_trickles_is_given_up(
    server: StorageServer, proxied: Proxied, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "GRACE_SECONDS", 0.3)
    uri = server.uri("slow/a")
    write(uri, content_of(1 << 20))
    proxy = proxied()
    proxy.piece_bytes, proxy.pause_seconds = 1024, 0.2
    start = time.monotonic()
    with pytest.raises(StorageError, match="slow/a"):
        download(uri, tmp_path / "copy")
    assert time.monotonic() - start < 20
    assert list(tmp_path.iterdir()) == []


def test_a_bit_flipped_on_the_way_up_is_noticed(server: StorageServer, proxied: Proxied) -> None:
    uri = server.uri("flip/a")
    write(uri, b"old")
    proxy = proxied()
    proxy.damaged_byte = 500_000
    with pytest.raises(StorageError, match="flip/a"):
        write(uri, content_of(1 << 20))


@pytest.mark.servers
def test_an_upload_in_parts_is_compared_when_it_comes_back(
    s3_place: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_store, "PART_BYTES", 5 << 20)
    (tmp_path / "in").write_bytes(content_of(11 << 20))
    upload(tmp_path / "in", s3_place("a"))
    store, key = open_store(s3_place("a"))
    assert isinstance(store, s3_store.S3Store)
    told = store._client.stat_object(store._bucket, key).metadata
    assert told["x-amz-meta-octavo-sha256"] == hashlib.sha256((tmp_path / "in").read_bytes()).hexdigest()
    monkeypatch.setattr(checksums.Sums, "sha256", "0" * 64)
    upload(tmp_path / "in", s3_place("a"))
    monkeypatch.undo()
    monkeypatch.setenv("S3_ENDPOINT", store._settings.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "admin")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "admin-secret")
    with pytest.raises(StorageError, match=r"a arrived damaged \(SHA-256"):
        read_bytes(s3_place("a"))


def fault_of(work: Callable[[], object]) -> str | None:
    """What the StorageError said, if there was one."""
    try:
        work()
    except StorageError as fault:
        return str(fault)
    return None


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_an_object_is_whole(
    server: StorageServer, proxied: Proxied, seed: int, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    proxy = proxied()
    old = content_of(100)
    write(server.uri(f"chaos/{seed}"), old)
    for round_ in range(4):
        new = content_of(chance.randrange(1 << 20, 2 << 20))
        (tmp_path / "in").write_bytes(new)
        proxy.cuts, proxy.most_cuts, proxy.resets = 0, chance.randrange(3), chance.random() < 0.5
        proxy.refusals = chance.randrange(2)
        proxy.to_server, proxy.to_client = chance.choice([(1 << 19, None), (None, 1 << 19), (None, None)])
        told = fault_of(lambda: upload(tmp_path / "in", server.uri(f"chaos/{seed}")))
        assert told is None or f"chaos/{seed}" in told
        old = new if told is None else old
        proxy.to_server = proxy.to_client = None
        proxy.refusals = 0
        assert read_bytes(server.uri(f"chaos/{seed}")) in (old, new), round_
        old = read_bytes(server.uri(f"chaos/{seed}"))


def test_no_log_shows_a_key(
    server: StorageServer, proxied: Proxied, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    proxy = proxied()
    write(server.uri("log/a"), b"x")
    proxy.refusals = 1
    download(server.uri("log/a"), tmp_path / "a")
    proxy.refusals = 50
    with pytest.raises(StorageError):
        list_objects(server.uri("log"))
    assert "admin-secret" not in caplog.text


# Keys

CHARACTERS = st.characters(blacklist_categories=["Cs", "Cc", "Cn", "Co"], blacklist_characters="/\\")

NAMES = st.lists(
    st.text(
        st.characters(blacklist_categories=["Cs", "Cc", "Cn", "Co"], blacklist_characters="/\\"),
        min_size=1,
        max_size=12,
    )
    .map(lambda text: text.strip())
    .filter(lambda text: text not in ("", ".", "..") and not text.startswith(".")),
    min_size=1,
    max_size=3,
).map("/".join)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.sets(NAMES, min_size=1, max_size=4), folder=NAMES)
def test_any_key_comes_back_and_a_folder_lists_its_own(server: StorageServer, names: set[str], folder: str) -> None:
    root = server.uri(f"keys/{hashlib.sha256(repr((folder, names)).encode()).hexdigest()[:12]}")
    kept = {name for name in names if not any(other != name and other.startswith(f"{name}/") for other in names)}
    for name in kept:
        write(f"{root}/{folder}/{name}", name.encode())
        write(f"{root}/{folder}x/{name}", b"a neighbour")
    found = {entry.name: entry for entry in list_objects(f"{root}/{folder}")}
    assert set(found) == kept
    assert list(found) == sorted(found)
    for name, entry in found.items():
        assert entry.uri == f"{root}/{folder}/{name}"
        assert read_bytes(entry.uri) == name.encode()
        assert entry.size == len(name.encode())
        assert exists(entry.uri)
        assert not exists(f"{root}/{name}/{folder}x")
