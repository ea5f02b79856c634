"""Writes on a condition, and the claims that are made of them: over every store."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from octavo.errors import StorageError
from octavo.storage import ConflictError, MissingObjectError, claim, claimed, exists, open_store, read_bytes

Place = Callable[[str], str]


def test_an_object_is_made_once(place: Place) -> None:
    store, key = open_store(place("a"))
    version = store.write_if(key, b"1", None)
    with pytest.raises(ConflictError, match=r"a'? was written by somebody else"):
        store.write_if(key, b"2", None)
    assert store.versioned(key) == (b"1", version)


def test_an_object_is_replaced_while_it_is_the_one_that_was_seen(place: Place) -> None:
    store, key = open_store(place("a"))
    first = store.write_if(key, b"1", None)
    second = store.write_if(key, b"2", first)
    with pytest.raises(ConflictError):
        store.write_if(key, b"3", first)
    assert store.versioned(key) == (b"2", second)


def test_an_object_that_is_gone_is_not_replaced(place: Place) -> None:
    store, key = open_store(place("a"))
    version = store.write_if(key, b"1", None)
    store.delete(key)
    with pytest.raises((ConflictError, MissingObjectError)):
        store.write_if(key, b"2", version)
    with pytest.raises(MissingObjectError):
        store.versioned(key)


def test_an_object_that_is_replaced_while_it_is_read_is_not_missing(place: Place) -> None:
    store, key = open_store(place("a"))
    version = store.write_if(key, b"0", None)
    over = threading.Event()

    def replace() -> int:
        latest, count = version, 0
        while not over.is_set():
            count += 1
            latest = store.write_if(key, b"%d" % count, latest)
            time.sleep(0.02)
        return count

    with ThreadPoolExecutor(1) as thread:
        written = thread.submit(replace)
        try:
            read = [int(store.versioned(key)[0]) for _ in range(60)]
        finally:
            over.set()
    assert read == sorted(read)
    assert read[-1] <= written.result()


def test_of_many_writers_one_succeeds(place: Place) -> None:
    store, key = open_store(place("a"))

    def write(number: int) -> bool:
        try:
            store.write_if(key, b"%d" % number, None)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        succeeded = list(threads.map(write, range(16)))
    assert succeeded.count(True) == 1
    assert int(store.read(key)) == succeeded.index(True)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Claims that run out soon."""
    for name, seconds in {"LEASE": 0.6, "RENEWAL": 0.1, "WAIT": 1.5, "POLL": 0.02}.items():
        monkeypatch.setattr(claim, f"{name}_SECONDS", seconds)


@pytest.mark.usefixtures("quick")
def test_one_writer_at_a_time(place: Place) -> None:
    writing = threading.Semaphore(1)
    overlaps = []

    def write(number: int) -> None:
        with claimed(place("d"), f"writer {number}") as mine:
            overlaps.append(not writing.acquire(blocking=False))
            time.sleep(0.1)
            writing.release()
            mine.check()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(4)))
    assert overlaps == [False] * 4
    assert not exists(place(f"d/{claim.NAME}"))


@pytest.mark.usefixtures("quick")
def test_a_writer_that_never_finishes_is_named(place: Place) -> None:
    with (
        claimed(place("d"), "the first one"),
        pytest.raises(StorageError, match=r"d: the first one is writing there and has not finished in 1.5 s"),
        claimed(place("d"), "the second one"),
    ):
        pass


@pytest.mark.usefixtures("quick")
def test_the_claim_of_a_dead_writer_is_taken_over(place: Place) -> None:
    store, key = open_store(place(f"d/{claim.NAME}"))
    store.write_if(key, b'{"owner": "a dead one"}', None)
    start = time.monotonic()
    with claimed(place("d"), "the next one"):
        assert b"the next one" in read_bytes(place(f"d/{claim.NAME}"))
    assert time.monotonic() - start >= claim.LEASE_SECONDS


@pytest.mark.usefixtures("quick")
def test_a_writer_whose_claim_was_taken_over_is_told_and_leaves_the_other_one(place: Place) -> None:
    store, key = open_store(place(f"d/{claim.NAME}"))
    with claimed(place("d"), "a slow one") as mine:
        store.write(key, b'{"owner": "another"}')
        time.sleep(0.5)
        with pytest.raises(StorageError, match=r"the right to write there was lost \(.*somebody else"):
            mine.check()
    assert read_bytes(place(f"d/{claim.NAME}")) == b'{"owner": "another"}'
