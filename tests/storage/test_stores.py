"""One suite over every store: what it holds, lists, replaces and refuses."""

from __future__ import annotations

import hashlib
import re
import threading
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from octavo.errors import StorageError
from octavo.storage import MissingObjectError, download, exists, list_objects, open_store, read_bytes, upload
from proxy import CuttingProxy
from servers import StorageServer

Place = Callable[[str], str]

ODD_NAMES = [
    "with space.txt",
    "caf\u00e9/\u65e5\u672c.txt",
    "a#b",
    "a?b=c&d",
    "100%",
    "a%20b",
    "a+b",
    "'\"<>",
    "~",
    "*",
]


def write(uri: str, data: bytes = b"x") -> None:
    store, key = open_store(uri)
    store.write(key, data)


def names(uri: str) -> list[str]:
    return [entry.name for entry in list_objects(uri)]


def noise(size: int) -> bytes:
    """Bytes that repeat nowhere near."""
    return b"".join(hashlib.sha256(bytes([i % 251, i // 251 % 251])).digest() for i in range(size // 32))


def test_reads_back_what_was_written(place: Place) -> None:
    write(place("a/b.bin"), bytes(range(256)))
    store, key = open_store(place("a/b.bin"))
    assert (store.read(key), store.size(key)) == (bytes(range(256)), 256)


def test_an_empty_object_is_an_object(place: Place) -> None:
    write(place("empty"), b"")
    assert (read_bytes(place("empty")), exists(place("empty"))) == (b"", True)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_keys_are_literal(place: Place, name: str, tmp_path: Path) -> None:
    write(place(f"d/{name}"), name.encode())
    assert read_bytes(place(f"d/{name}")) == name.encode()
    listed = list_objects(place("d"))
    assert [(entry.name, entry.size) for entry in listed] == [(name, len(name.encode()))]
    download(listed[0].uri, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == name.encode()


def test_lists_everything_under_a_folder_in_the_order_of_names(place: Place) -> None:
    for name in ("a/z", "a/b/y", "a/b/x", "a/B", "c"):
        write(place(name))
    assert names(place("a")) == names(place("a/")) == ["B", "b/x", "b/y", "z"]
    assert names(place("")) == ["a/B", "a/b/x", "a/b/y", "a/z", "c"]


def test_a_folder_is_no_prefix_of_names(place: Place) -> None:
    for name in ("a/x", "ab/x", "a.txt", "a-b"):
        write(place(name))
    assert names(place("a")) == ["x"]


def test_an_object_is_no_folder_and_a_folder_no_object(place: Place) -> None:
    write(place("a/x"))
    assert names(place("a/x")) == []
    assert not exists(place("a"))
    with pytest.raises(MissingObjectError):
        read_bytes(place("a"))


def test_a_folder_that_is_not_there_lists_nothing(place: Place) -> None:
    write(place("a/x"))
    assert names(place("b")) == []


def test_lists_more_than_one_page(place: Place) -> None:
    wanted = [f"{number:04}.txt" for number in range(1100)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: write(place(f"many/{name}"), name.encode()), wanted))
    assert names(place("many")) == wanted


def test_a_missing_object_is_told_from_other_faults(place: Place, tmp_path: Path) -> None:
    write(place("a"))
    assert not exists(place("nothing"))
    for ask in (read_bytes, lambda uri: download(uri, tmp_path / "copy")):
        with pytest.raises(MissingObjectError, match=r"there is no .*nothing.*; check the|nothing: there is no"):
            ask(place("nothing"))
    assert not (tmp_path / "copy").exists()


def test_deleting_twice_is_no_error(place: Place) -> None:
    write(place("a"))
    store, key = open_store(place("a"))
    store.delete(key)
    store.delete(key)
    assert not exists(place("a"))


def test_a_file_goes_there_and_back(place: Place, tmp_path: Path) -> None:
    content = noise(9 << 20)  # more than Google's client sends in one request
    (tmp_path / "in").write_bytes(content)
    upload(tmp_path / "in", place("big/one.bin"))
    download(place("big/one.bin"), tmp_path / "new folder" / "out")
    assert (tmp_path / "new folder" / "out").read_bytes() == content
    assert [path.name for path in (tmp_path / "new folder").iterdir()] == ["out"]


def test_a_download_does_not_fill_the_memory(place: Place, tmp_path: Path) -> None:
    size = 48 << 20
    with (tmp_path / "in").open("wb") as file:
        file.truncate(size)
    upload(tmp_path / "in", place("big"))
    tracemalloc.start()
    try:
        download(place("big"), tmp_path / "out")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (tmp_path / "out").stat().st_size == size
    assert peak < 8 << 20


def test_uploading_a_file_that_is_not_there_leaves_the_object(place: Place, tmp_path: Path) -> None:
    write(place("a"), b"old")
    with pytest.raises(StorageError, match="nowhere"):
        upload(tmp_path / "nowhere", place("a"))
    assert read_bytes(place("a")) == b"old"


def test_a_failed_download_leaves_the_local_file(place: Place, tmp_path: Path) -> None:
    write(place("a"))
    (tmp_path / "copy").write_text("old")
    with pytest.raises(MissingObjectError):
        download(place("b"), tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == "old"


def test_a_download_that_cannot_be_written_says_so(place: Place, tmp_path: Path) -> None:
    write(place("a"))
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"file/copy' cannot be written: (Not a directory|File exists)"):
        download(place("a"), tmp_path / "file" / "copy")


def test_a_reader_sees_the_old_object_or_the_new_one(place: Place) -> None:
    versions = [b"a" * 1000, b"b" * 300_000]
    write(place("a"), versions[0])
    seen: set[bytes] = set()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.add(read_bytes(place("a")))

    with ThreadPoolExecutor(1) as threads:
        looking = threads.submit(look)
        for round_ in range(40):
            write(place("a"), versions[round_ % 2])
        done.set()
        looking.result()
    assert seen <= set(versions)


def test_threads_may_share_the_stores(place: Place) -> None:
    for number in range(8):
        write(place(str(number)), bytes([number]) * 10_000)
    with ThreadPoolExecutor(8) as threads:
        contents = list(threads.map(lambda number: read_bytes(place(str(number % 8))), range(160)))
    assert contents == [bytes([number % 8]) * 10_000 for number in range(160)]


BUCKETS = [pytest.param(scheme, marks=pytest.mark.servers) for scheme in ("s3", "minio", "gs")]
ENDPOINT_VARIABLES = {"s3": "S3_ENDPOINT", "minio": "MINIO_ENDPOINT", "gs": "STORAGE_EMULATOR_HOST"}


@pytest.fixture(params=BUCKETS)
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> StorageServer:
    """Every server in turn, under every scheme."""
    one: StorageServer = request.getfixturevalue("gcs_server" if request.param == "gs" else "s3_server")
    one.use(monkeypatch)
    return replace(one, scheme=request.param)


OPERATIONS: dict[str, Callable[[str, Path], object]] = {
    "read": lambda uri, _: read_bytes(uri),
    "download": lambda uri, folder: download(uri, folder / "copy"),
    "write": lambda uri, _: write(uri),
    "upload": lambda uri, _: upload(__file__, uri),
    "list": lambda uri, _: list_objects(uri),
    "exists": lambda uri, _: exists(uri),
    "delete": lambda uri, _: open_store(uri)[0].delete("a"),
}


def test_a_bucket_lists_everything_from_its_root(server: StorageServer) -> None:
    fresh = server.with_fresh_bucket()
    assert names(fresh.uri()) == []
    for name in ("b", "a/x"):
        write(fresh.uri(name))
    assert names(fresh.uri()) == names(fresh.uri().rstrip("/")) == ["a/x", "b"]


def test_a_key_that_ends_in_a_slash_is_no_object(server: StorageServer) -> None:
    write(server.uri("folder/x"))
    assert not exists(server.uri("folder/"))
    with pytest.raises(StorageError, match="names a bucket or a folder"):
        read_bytes(server.uri("folder/"))


def test_a_bucket_is_no_object(server: StorageServer) -> None:
    with pytest.raises(StorageError, match=f"names a bucket or a folder; wanted an object in it: {server.uri()}NAME"):
        read_bytes(server.uri())
    assert not exists(server.uri())


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_a_missing_bucket_is_named(
    server: StorageServer, operation: Callable[[str, Path], object], tmp_path: Path
) -> None:
    if server.scheme != "gs" and operation is OPERATIONS["delete"]:
        pytest.skip("S3 deletes nothing from a missing bucket without a word")
    with pytest.raises(StorageError, match="there is no bucket 'no-such-bucket' in the store at http") as caught:
        operation(f"{server.scheme}://no-such-bucket/a", tmp_path)
    assert not isinstance(caught.value, MissingObjectError)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_a_dead_endpoint_fails_within_seconds(
    server: StorageServer,
    operation: Callable[[str, Path], object],
    dead_endpoint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if server.scheme == "gs" and operation not in (OPERATIONS["read"], OPERATIONS["upload"]):
        pytest.skip("the two limits are those of reading and of uploading; each takes seconds")
    monkeypatch.setenv(ENDPOINT_VARIABLES[server.scheme], dead_endpoint)
    start = time.monotonic()
    with pytest.raises(StorageError, match=re.escape(f"the store at {dead_endpoint} cannot be reached")):
        operation(server.uri("a"), tmp_path)
    assert time.monotonic() - start < 20
    assert list(tmp_path.iterdir()) == []


def test_an_upload_that_breaks_off_leaves_the_old_object(
    server: StorageServer,
    cutting_proxy: Callable[[str], CuttingProxy],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(server.uri("a"), b"old")
    (tmp_path / "new").write_bytes(noise(4 << 20))
    proxy = cutting_proxy(server.endpoint)
    proxy.to_server = 2 << 20
    monkeypatch.setenv(ENDPOINT_VARIABLES[server.scheme], proxy.endpoint)
    with pytest.raises(StorageError, match="cannot be reached"):
        upload(tmp_path / "new", server.uri("a"))
    assert proxy.cuts >= 1
    proxy.to_server = None
    assert read_bytes(server.uri("a")) == b"old"


def test_a_download_that_breaks_off_once_is_completed(
    server: StorageServer,
    cutting_proxy: Callable[[str], CuttingProxy],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = noise(4 << 20)
    write(server.uri("a"), content)
    proxy = cutting_proxy(server.endpoint)
    proxy.to_client, proxy.most_cuts = 2 << 20, 1
    monkeypatch.setenv(ENDPOINT_VARIABLES[server.scheme], proxy.endpoint)
    download(server.uri("a"), tmp_path / "copy")
    assert (proxy.cuts, (tmp_path / "copy").read_bytes()) == (1, content)


def test_a_download_that_always_breaks_off_leaves_no_file(
    server: StorageServer,
    cutting_proxy: Callable[[str], CuttingProxy],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(server.uri("a"), noise(2 << 20))
    proxy = cutting_proxy(server.endpoint)
    proxy.to_client = 1000
    monkeypatch.setenv(ENDPOINT_VARIABLES[server.scheme], proxy.endpoint)
    start = time.monotonic()
    with pytest.raises(StorageError, match="cannot be reached"):
        download(server.uri("a"), tmp_path / "copy")
    assert time.monotonic() - start < 20
    assert list(tmp_path.iterdir()) == []
