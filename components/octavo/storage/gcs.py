"""The store of Google Cloud Storage, on its client; STORAGE_EMULATOR_HOST is honoured."""

from __future__ import annotations

import base64
import io
import mimetypes
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import google_crc32c
from google.api_core.exceptions import GoogleAPIError, NotFound
from google.api_core.retry import Retry
from requests import RequestException

from octavo.errors import StorageError
from octavo.storage.gcs_client import gcs_client
from octavo.storage.gcs_errors import explained, unavailable
from octavo.storage.partial import opened, received
from octavo.storage.patience import Patience
from octavo.storage.pieces import PIECE_BYTES
from octavo.storage.store import ConflictError, MissingObjectError, StoredObject
from octavo.storage.uri import Uri, as_folder

ASK = {"timeout": (3.0, 8.0)}
"""Seconds to connect and seconds of silence."""

SEND = {"timeout": (8.0, 16.0)}
"""The same for uploads, where the first time-out bounds the sending of 8 MiB as well."""

Result = TypeVar("Result")

LOOKS = 10
"""How often an object is looked up that others replace before it is read."""


class GcsStore:
    """One bucket of Google Cloud Storage."""

    def __init__(self, bucket: str) -> None:
        self._name = bucket
        with self._explained(""):
            self._client = gcs_client()
            self._bucket = self._client.bucket(bucket)

    def read(self, key: str) -> bytes:
        """The whole object."""
        content = io.BytesIO()
        self._fetch(key, content)
        return content.getvalue()

    def read_range(self, key: str, start: int, stop: int) -> bytes:
        """A part of the object."""

        def get(retry: Retry) -> bytes:
            content = io.BytesIO()
            self._bucket.blob(key).download_to_file(content, start=start, end=stop - 1, retry=retry, **ASK)
            return content.getvalue()

        content = self._ask(key, get)
        if len(content) != stop - start:
            raise StorageError(f"{self._uri(key)} ends before byte {stop}; it has changed since it was opened")
        return content

    def download(self, key: str, path: Path) -> None:
        """Stream the object to a local file."""
        with received(path) as file:
            self._fetch(key, file)

    def write(self, key: str, data: bytes) -> None:
        """Make or replace the object."""
        self._put(key, io.BytesIO(data), len(data))

    def upload(self, path: Path, key: str) -> None:
        """Make or replace the object with the content of a local file."""
        with opened(path) as file:
            self._put(key, file, path.stat().st_size)

    def versioned(self, key: str) -> tuple[bytes, str]:
        """The whole object and its generation."""

        def get(retry: Retry) -> tuple[bytes, str] | None:
            blob = self._bucket.blob(key)
            blob.reload(retry=retry, **ASK)  # pins what is read
            with suppress(NotFound):  # another one has taken its place since
                return blob.download_as_bytes(retry=retry, **ASK), str(blob.generation)
            return None

        for _ in range(LOOKS):
            if (found := self._ask(key, get)) is not None:
                return found
        raise StorageError(f"{self._uri(key)} was replaced each of {LOOKS} times that it was to be read; try again")

    def write_if(self, key: str, data: bytes, version: str | None) -> str:
        """Make or replace the object on the condition of its generation."""

        def put(retry: Retry) -> str:
            blob = self._bucket.blob(key)
            blob.upload_from_string(data, if_generation_match=int(version or 0), retry=retry, **SEND)
            return str(blob.generation)

        try:
            return self._ask(key, put)
        except ConflictError:
            return self._already_written(key, data)

    def _already_written(self, key: str, data: bytes) -> str:
        """The version, when the object is ours after all: of a try whose answer was lost the store says no more."""
        with suppress(MissingObjectError):
            found, version = self.versioned(key)
            if found == data:
                return version
        raise ConflictError(f"{self._uri(key)} was written by somebody else in between")

    def list(self, folder: str) -> Sequence[StoredObject]:
        """Every object under the folder; the empty objects that stand for folders are left out."""
        prefix = as_folder(folder)
        fields = "items(name,size,generation,updated),nextPageToken"
        blobs = self._ask(
            prefix,
            lambda retry: list(self._client.list_blobs(self._name, prefix=prefix, fields=fields, retry=retry, **ASK)),
        )
        found = (self._entry(blob, prefix) for blob in blobs)
        return sorted(
            (entry for entry in found if entry.name and not entry.name.endswith("/")), key=lambda entry: entry.name
        )

    def size(self, key: str) -> int:
        """Bytes of the object."""
        blob = self._bucket.blob(key)
        self._ask(key, lambda retry: blob.reload(retry=retry, **ASK))
        return int(blob.size)

    def version(self, key: str) -> str:
        """The object's generation."""
        blob = self._bucket.blob(key)
        self._ask(key, lambda retry: blob.reload(retry=retry, **ASK))
        return str(blob.generation)

    def delete(self, key: str) -> None:
        """Remove the object."""
        with suppress(MissingObjectError):
            self._ask(key, lambda _: self._bucket.blob(key).delete(retry=None, **ASK))

    def _entry(self, blob: Any, prefix: str) -> StoredObject:
        name, modified = str(blob.name), blob.updated.timestamp()
        return StoredObject(self._uri(name), name[len(prefix) :], int(blob.size), str(blob.generation), modified)

    def _put(self, key: str, content: BinaryIO, size: int) -> None:
        kind = mimetypes.guess_type(key)[0] or "application/octet-stream"
        checksum = _crc32c(content)

        def put(retry: Retry) -> str:
            content.seek(0)
            blob = self._bucket.blob(key)
            blob.upload_from_file(content, size=size, content_type=kind, retry=retry, **SEND)
            return str(blob.crc32c)

        if (stored := self._ask(key, put)) != checksum:
            raise StorageError(
                f"{self._uri(key)} was damaged on its way into the store (CRC-32C {stored}, wanted {checksum}); "
                "try again"
            )

    def _fetch(self, key: str, sink: BinaryIO) -> None:
        """Fill the sink; the client goes on where a download broke off, and compares the checksum."""

        def get(retry: Retry) -> None:
            sink.seek(0)
            sink.truncate()
            try:
                self._bucket.blob(key).download_to_file(sink, retry=retry, **ASK)
            except NotFound:
                if not sink.tell():
                    raise
                get(retry)  # another one has taken the place of the one that broke off

        self._ask(key, get)

    def _ask(self, key: str, work: Callable[[Retry], Result]) -> Result:
        """What the store answers, asked again while it is away: by its client, or from the beginning."""
        patience = Patience()

        def waited(fault: Exception) -> bool:
            away = unavailable(fault, self._uri(key))
            return away is not None and patience.waits(away)

        retry = Retry(waited, initial=0, maximum=0, timeout=None)  # the pauses are those of `patience`

        def ask() -> Result:
            with self._explained(key):
                return work(retry)

        return patience.keep(ask)

    def _bucket_exists(self) -> bool:
        """Whether the bucket can be listed: reading its own record takes a permission that readers lack."""
        try:
            list(self._client.list_blobs(self._name, max_results=1, retry=None, **ASK))
        except NotFound:
            return False
        except (GoogleAPIError, RequestException):  # no permission to list: then the object is what is missing
            return True
        return True

    def _explained(self, key: str) -> AbstractContextManager[None]:
        return explained(self._uri(key), self._name, self._bucket_exists)

    def _uri(self, key: str) -> str:
        return str(Uri("gs", self._name, key))


def _crc32c(file: BinaryIO) -> str:
    """The checksum that the store tells; the file is left at its beginning."""
    checksum: int = 0
    while piece := file.read(PIECE_BYTES):
        checksum = google_crc32c.extend(checksum, piece)
    file.seek(0)
    return base64.b64encode(checksum.to_bytes(4, "big")).decode()
