"""Settings that are octavo's own, beside those of somebody else in the same environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from octavo.errors import StorageError
from octavo.storage import read_bytes, upload
from octavo.storage.patience import Patience
from octavo.storage.s3_settings import s3_settings
from octavo.storage.settings import setting
from servers import StorageServer


@pytest.fixture
def secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a Secret's entries, as the kubelet mounts it."""
    folder = tmp_path / "object-store"
    folder.mkdir()
    monkeypatch.setenv("OCTAVO_STORE_FOLDER", str(folder))
    return folder


def test_the_values_come_before_the_secret_and_the_secret_before_the_environment(
    secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "environment")
    assert setting("AWS_REGION") == "environment"
    (secret / "AWS_REGION").write_text("secret\n")
    assert setting("AWS_REGION") == "secret"
    monkeypatch.setenv("OCTAVO_AWS_REGION", "values")
    assert setting("AWS_REGION") == "values"


@pytest.mark.parametrize("text", [b"", b" \n", b"\xff\xfe"])
def test_an_entry_that_says_nothing_counts_as_not_set(
    secret: Path, text: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    (secret / "AWS_REGION").write_bytes(text)
    assert setting("AWS_REGION") is None
    monkeypatch.setenv("AWS_REGION", "environment")
    assert setting("AWS_REGION") == "environment"


def test_keys_are_never_of_two_owners(secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "launcher's")
    (secret / "AWS_ACCESS_KEY_ID").write_text("mine")
    with pytest.raises(StorageError, match="only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        s3_settings("s3")
    (secret / "AWS_SECRET_ACCESS_KEY").write_text("mine")

    found = s3_settings("s3")
    assert (found.access_key, found.secret_key, found.session_token) == ("mine", "mine", None)


@pytest.mark.servers
def test_a_store_opens_with_the_secrets_keys_where_the_environment_has_the_launchers(
    secret: Path, s3_server: StorageServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in s3_server.environment.items():
        (secret / name).write_text(text)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "launcher")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "launchers-secret")
    monkeypatch.setenv("S3_ENDPOINT", "http://localhost:9")
    (tmp_path / "file").write_text("content")
    upload(tmp_path / "file", s3_server.uri("settings/file"))

    assert read_bytes(s3_server.uri("settings/file")) == b"content"


def test_a_google_key_file_that_the_secret_names_counts_before_the_launchers(
    secret: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "launchers.json"))
    (secret / "GOOGLE_APPLICATION_CREDENTIALS").write_text(str(secret / "google.json"))
    (secret / "google.json").write_text('{"type": "none of Google\'s"}')

    with pytest.raises(StorageError, match="there are no credentials that Google Cloud Storage takes") as told:
        read_bytes("gs://bucket/key")
    assert "launchers.json" not in str(told.value.__cause__)


def test_the_secret_says_how_long_a_store_is_waited_for(secret: Path) -> None:
    (secret / "OCTAVO_STORE_RETRY_SECONDS").write_text("soon")
    with pytest.raises(StorageError, match="OCTAVO_STORE_RETRY_SECONDS is 'soon'; wanted seconds"):
        Patience()
