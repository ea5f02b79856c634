"""The store of Google Cloud Storage, on its client; STORAGE_EMULATOR_HOST is honoured."""

from __future__ import annotations

import base64
import io
import mimetypes
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import BinaryIO

import google_crc32c
from google.api_core.exceptions import GoogleAPIError, NotFound
from google.cloud.storage.retry import DEFAULT_RETRY

from octavo.errors import StorageError
from octavo.storage.gcs_client import gcs_client
from octavo.storage.gcs_errors import explained
from octavo.storage.partial import opened, part_file
from octavo.storage.pieces import PIECE_BYTES
from octavo.storage.store import ConflictError, MissingObjectError, StoredObject
from octavo.storage.uri import Uri, as_folder

ASK = {"timeout": (3.0, 8.0), "retry": DEFAULT_RETRY.with_timeout(9.0)}
"""Seconds to connect and seconds of silence; no try begins later than the retry's time-out."""

SEND = {"timeout": (8.0, 16.0), "retry": DEFAULT_RETRY.with_timeout(4.0)}
"""The same for uploads, where the first time-out bounds the sending of 8 MiB as well."""

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
        content = io.BytesIO()
        with self._explained(key):
            self._bucket.blob(key).download_to_file(content, start=start, end=stop - 1, **ASK)
        if content.tell() != stop - start:
            raise StorageError(f"{self._uri(key)} ends before byte {stop}; it has changed since it was opened")
        return content.getvalue()

    def download(self, key: str, path: Path) -> None:
        """Stream the object to a local file."""
        with part_file(path) as file:
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
        with self._explained(key):
            for _ in range(LOOKS):
                blob = self._bucket.blob(key)
                blob.reload(**ASK)  # pins what is read
                with suppress(NotFound):  # another one has taken its place since
                    return blob.download_as_bytes(**ASK), str(blob.generation)
        raise StorageError(f"{self._uri(key)} was replaced each of {LOOKS} times that it was to be read; try again")

    def write_if(self, key: str, data: bytes, version: str | None) -> str:
        """Make or replace the object on the condition of its generation."""
        blob = self._bucket.blob(key)
        try:
            with self._explained(key):
                blob.upload_from_string(data, if_generation_match=int(version or 0), **SEND)
        except ConflictError:
            return self._already_written(key, data)
        return str(blob.generation)

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
        fields = "items(name,size),nextPageToken"
        with self._explained(prefix):
            blobs = list(self._client.list_blobs(self._name, prefix=prefix, fields=fields, **ASK))
        found = (StoredObject(self._uri(blob.name), blob.name[len(prefix) :], int(blob.size)) for blob in blobs)
        return sorted(
            (entry for entry in found if entry.name and not entry.name.endswith("/")), key=lambda entry: entry.name
        )

    def size(self, key: str) -> int:
        """Bytes of the object."""
        blob = self._bucket.blob(key)
        with self._explained(key):
            blob.reload(**ASK)
        return int(blob.size)

    def delete(self, key: str) -> None:
        """Remove the object."""
        with suppress(MissingObjectError), self._explained(key):
            self._bucket.blob(key).delete(**ASK)

    def _put(self, key: str, content: BinaryIO, size: int) -> None:
        kind = mimetypes.guess_type(key)[0] or "application/octet-stream"
        checksum = _crc32c(content)
        blob = self._bucket.blob(key)
        with self._explained(key):
            blob.upload_from_file(content, size=size, content_type=kind, **SEND)
        if blob.crc32c != checksum:
            raise StorageError(
                f"{self._uri(key)} was damaged on its way into the store (CRC-32C {blob.crc32c}, wanted {checksum}); "
                "try again"
            )

    def _fetch(self, key: str, sink: BinaryIO) -> None:
        """Fill the sink; the client resumes a download that breaks off and compares the checksum."""
        with self._explained(key):
            self._bucket.blob(key).download_to_file(sink, **ASK)

    def _bucket_exists(self) -> bool:
        """Whether the bucket can be listed: reading its own record takes a permission that readers lack."""
        try:
            list(self._client.list_blobs(self._name, max_results=1, **ASK))
        except NotFound:
            return False
        except GoogleAPIError:  # no permission to list: then the object is what is missing
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
