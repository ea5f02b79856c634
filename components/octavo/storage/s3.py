"""The store of S3 and everything that speaks its protocol, on the minio client."""

from __future__ import annotations

import io
import mimetypes
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO

from minio.error import S3Error, ServerError
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from octavo.errors import StorageError
from octavo.storage.checksums import SHA256, SHA256_HEADER, Sums
from octavo.storage.partial import opened, part_file
from octavo.storage.pieces import pieces
from octavo.storage.s3_client import s3_client
from octavo.storage.s3_errors import explained
from octavo.storage.s3_settings import s3_settings
from octavo.storage.store import ConflictError, MissingObjectError, StoredObject
from octavo.storage.uri import Uri, as_folder

PART_BYTES = 64 << 20
"""Uploads up to this size are one request, whose ETag is the content's MD5; larger ones go in parts of it."""

BODY_TRIES = 2
"""How often a download that breaks off half-way is begun."""


class S3Store:
    """One bucket of the store that the environment names."""

    def __init__(self, scheme: str, bucket: str) -> None:
        self._scheme, self._bucket = scheme, bucket
        self._settings = s3_settings(scheme)
        with self._explained(""):
            self._client = s3_client(self._settings)

    def read(self, key: str) -> bytes:
        """The whole object."""
        content = io.BytesIO()
        self._fetch(key, content)
        return content.getvalue()

    def read_range(self, key: str, start: int, stop: int) -> bytes:
        """A part of the object."""
        content = io.BytesIO()
        self._fetch(key, content, start, stop)
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
        """The whole object and its ETag."""
        with self._explained(key), _closing(self._client.get_object(self._bucket, key)) as answer:
            return answer.read(), answer.headers["ETag"]

    def write_if(self, key: str, data: bytes, version: str | None) -> str:
        """Make or replace the object on the condition of its ETag."""
        condition = {"If-None-Match": "*"} if version is None else {"If-Match": version}
        with suppress(ConflictError), self._explained(key):
            # minio's public methods take no conditions
            self._client._put_object(self._bucket, key, data, condition)  # noqa: SLF001
        found, current = self._found(key)
        if found != data:  # of a try whose answer was lost, a store says no more than that the condition does not hold
            raise ConflictError(f"{self._uri(key)} was written by somebody else in between")
        return current

    def _found(self, key: str) -> tuple[bytes | None, str]:
        try:
            return self.versioned(key)
        except MissingObjectError:
            return None, ""

    def list(self, folder: str) -> Sequence[StoredObject]:
        """Every object under the folder; the empty objects that stand for folders are left out."""
        prefix = as_folder(folder)
        with self._explained(prefix):
            entries = list(self._client.list_objects(self._bucket, prefix=prefix, recursive=True))
        keys = {str(entry.object_name): int(entry.size or 0) for entry in entries}
        found = (StoredObject(self._uri(key), key[len(prefix) :], size) for key, size in keys.items())
        return sorted(
            (entry for entry in found if entry.name and not entry.name.endswith("/")), key=lambda entry: entry.name
        )

    def size(self, key: str) -> int:
        """Bytes of the object."""
        with self._explained(key):
            try:
                return int(self._client.stat_object(self._bucket, key).size)
            except S3Error:
                return self._size_by_get(key)

    def delete(self, key: str) -> None:
        """Remove the object."""
        with self._explained(key):
            self._client.remove_object(self._bucket, key)

    def _size_by_get(self, key: str) -> int:
        """The size again, by the request whose refusal says why (HEAD's has no body to say it in)."""
        with _closing(self._client.get_object(self._bucket, key)) as answer:
            return int(answer.headers["Content-Length"])

    def _put(self, key: str, content: BinaryIO, size: int) -> None:
        """Send the object with its SHA-256 beside it, and compare what the store says of it."""
        sums = Sums.of(content)
        with self._explained(key):
            result = self._client.put_object(
                self._bucket,
                key,
                content,
                size,
                content_type=mimetypes.guess_type(key)[0] or "application/octet-stream",
                metadata={SHA256: sums.sha256},
                part_size=PART_BYTES,
                num_parallel_uploads=1,
            )
            damage = sums.differing(result.http_headers) if size <= PART_BYTES else self._lost_parts(key, sums, size)
        if damage:
            raise StorageError(f"{self._uri(key)} was damaged on its way into the store ({damage}); try again")

    def _lost_parts(self, key: str, sums: Sums, size: int) -> str | None:
        """What is missing of an object that went in parts; None too where it is another one by now."""
        stored = self._client.stat_object(self._bucket, key)
        ours = stored.metadata.get(SHA256_HEADER) == sums.sha256
        return f"{stored.size} bytes, wanted {size}" if ours and stored.size != size else None

    def _fetch(self, key: str, sink: BinaryIO, start: int = 0, stop: int | None = None) -> None:
        """Fill the sink with the object or a part of it, once more from its start when the connection breaks off."""
        with self._explained(key):
            for tries_left in reversed(range(BODY_TRIES)):
                try:
                    if stop is None:
                        self._copy(key, sink)
                    else:
                        self._copy_range(key, sink, start, stop)
                except (ProtocolError, ReadTimeoutError):
                    if not tries_left:
                        raise
                    sink.seek(0)
                    sink.truncate()
                else:
                    return

    def _copy(self, key: str, sink: BinaryIO) -> None:
        """One download: the bytes as stored, none missing, of the checksum that the store tells."""
        sums = Sums()
        with _closing(self._client.get_object(self._bucket, key)) as answer:
            if "ETag" not in answer.headers:
                raise ServerError("the page of a server that is no S3 API", answer.status)
            for piece in pieces(answer):
                sink.write(piece)
                sums.update(piece)
            if damage := sums.differing(answer.headers):
                raise StorageError(f"{self._uri(key)} arrived damaged ({damage}); try again")

    def _copy_range(self, key: str, sink: BinaryIO, start: int, stop: int) -> None:
        """One download of a part, none of its bytes missing."""
        with _closing(self._client.get_object(self._bucket, key, start, stop - start)) as answer:
            if answer.status != HTTPStatus.PARTIAL_CONTENT:
                raise ServerError("the page of a server that is no S3 API", answer.status)
            sink.writelines(pieces(answer))
        if sink.tell() != stop - start:
            raise StorageError(f"{self._uri(key)} ends before byte {stop}; it has changed since it was opened")

    def _explained(self, key: str) -> AbstractContextManager[None]:
        return explained(self._uri(key), self._bucket, self._settings)

    def _uri(self, key: str) -> str:
        return str(Uri(self._scheme, self._bucket, key))


@contextmanager
def _closing(answer: Any) -> Iterator[Any]:
    """Give the connection back, whether or not its body was read."""
    try:
        yield answer
    finally:
        answer.close()
        answer.release_conn()
