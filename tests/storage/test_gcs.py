"""What only Google Cloud Storage has: its credentials, its checksums, folders with two slashes."""

from __future__ import annotations

import base64
import json
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from octavo.errors import StorageError
from octavo.storage import exists, list_objects, open_store, read_bytes
from stub import Answer, StubServer

Stub = Callable[..., StubServer]


def read_from(stub: StubServer, monkeypatch: pytest.MonkeyPatch) -> bytes:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", stub.endpoint)
    return read_bytes("gs://bucket/key")


@pytest.mark.servers
def test_two_slashes_in_a_key_stay_two(gcs_place: Callable[[str], str]) -> None:
    store, key = open_store(gcs_place("a//b"))
    store.write(key, b"x")
    assert [entry.name for entry in list_objects(gcs_place("a"))] == ["/b"]
    assert not exists(gcs_place("a/b"))


@pytest.mark.servers
def test_the_empty_objects_that_stand_for_folders_are_left_out(gcs_place: Callable[[str], str]) -> None:
    for name in ("a/", "a/b/", "a/b/x"):
        store, key = open_store(gcs_place(name))
        store.write(key, b"")
    assert [entry.name for entry in list_objects(gcs_place("a"))] == ["b/x"]


def test_refused_credentials_are_told(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StorageError, match=r"refused the credentials \(403\); set GOOGLE_APPLICATION_CREDENTIALS"):
        read_from(stub(Answer(403)), monkeypatch)


def test_missing_credentials_are_told(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StorageError, match="there are no credentials that the store at http"):
        read_from(stub(Answer(401)), monkeypatch)


def test_a_missing_object_in_a_bucket_that_may_not_be_listed_is_the_object_missing(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StorageError, match="there is no such object"):
        read_from(stub(Answer(404), Answer(403)), monkeypatch)


def test_a_store_that_fails_is_asked_again(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = stub(Answer(503), Answer(200, b"x"))
    assert read_from(failing, monkeypatch) == b"x"
    assert len(failing.asked) == 2


def test_a_store_that_keeps_failing_is_given_up(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    start = time.monotonic()
    with pytest.raises(StorageError, match=r"did not serve it \(HTTP status 503\); try again later"):
        read_from(stub(Answer(503)), monkeypatch)
    assert time.monotonic() - start < 20


def test_an_object_is_compared_with_its_checksum(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = base64.b64encode(bytes(4)).decode()
    with pytest.raises(StorageError, match="gs://bucket/key was damaged on its way"):
        read_from(stub(Answer(200, b"x", {"X-Goog-Hash": f"crc32c={wrong}"})), monkeypatch)


def test_an_emulator_without_a_scheme_is_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "127.0.0.1:9")
    with pytest.raises(StorageError, match=r"127.0.0.1:9 cannot be reached"):
        read_bytes("gs://bucket/key")


# Credentials


def service_account(token_uri: str) -> dict[str, str]:
    """The document of a new service account that nobody knows."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "type": "service_account",
        "project_id": "p",
        "private_key_id": "1",
        "private_key": text.decode(),
        "client_email": "octavo@p.iam.gserviceaccount.com",
        "token_uri": token_uri,
    }


def assert_refused(monkeypatch: pytest.MonkeyPatch, key_file: Path) -> str:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key_file))
    with pytest.raises(StorageError, match="there are no credentials that Google Cloud Storage takes") as caught:
        read_bytes("gs://bucket/key")
    return "".join(traceback.format_exception(caught.value))


def test_a_key_file_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_refused(monkeypatch, tmp_path / "nowhere.json")


@pytest.mark.parametrize("text", ["one-secret", '{"type": "one-secret"}', "{}", ""])
def test_a_key_file_that_is_none_is_told(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key.json").write_text(text)
    told = assert_refused(monkeypatch, tmp_path / "key.json")
    assert "one-secret" not in told


def test_a_key_that_google_does_not_know_is_told_without_the_key(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    google = stub(Answer(400, b'{"error": "invalid_grant"}', {"Content-Type": "application/json"}))
    account = service_account(f"{google.endpoint}/token")
    (tmp_path / "key.json").write_text(json.dumps(account))
    told = assert_refused(monkeypatch, tmp_path / "key.json")
    assert set(google.asked) == {"POST /token"}
    assert account["private_key"][30:90] not in told
