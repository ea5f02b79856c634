"""The store of S3 and everything that speaks its protocol, on the minio client."""

from __future__ import annotations

import io
import mimetypes
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from minio.error import S3Error, ServerError

from octavo.errors import StorageError
from octavo.storage.checksums import SHA256, SHA256_HEADER, Sums
from octavo.storage.partial import opened, received
from octavo.storage.patience import Patience
from octavo.storage.pieces import pieces
from octavo.storage.s3_body import Body, closing_answer
from octavo.storage.s3_client import s3_client
from octavo.storage.s3_errors import explained
from octavo.storage.s3_settings import s3_settings
from octavo.storage.store import ConflictError, MissingObjectError, StoredObject
from octavo.storage.uri import Uri, as_folder

PART_BYTES = 64 << 20
"""Uploads up to this size are one request, whose ETag is the content's MD5; larger ones go in parts of it."""

Result = TypeVar("Result")


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
        content = self._ask(key, lambda: self._fetch_range(key, start, stop))
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
        """The whole object and its ETag."""

        def get() -> tuple[bytes, str]:
            with closing_answer(self._client.get_object(self._bucket, key)) as answer:
                return answer.read(), answer.headers["ETag"]

        return self._ask(key, get)

    def write_if(self, key: str, data: bytes, version: str | None) -> str:
        """Make or replace the object on the condition of its ETag."""
        condition = {"If-None-Match": "*"} if version is None else {"If-Match": version}
        with suppress(ConflictError):
            # minio's public methods take no conditions
            self._ask(key, lambda: self._client._put_object(self._bucket, key, data, condition))  # noqa: SLF001
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
        entries = self._ask(
            prefix, lambda: list(self._client.list_objects(self._bucket, prefix=prefix, recursive=True))
        )
        found = {str(entry.object_name): self._entry(entry, prefix) for entry in entries}
        objects = [entry for entry in found.values() if entry.name and not entry.name.endswith("/")]
        return sorted(objects, key=lambda entry: entry.name)

    def size(self, key: str) -> int:
        """Bytes of the object."""
        return self._facts(key)[0]

    def version(self, key: str) -> str:
        """The object's ETag."""
        return self._facts(key)[1]

    def delete(self, key: str) -> None:
        """Remove the object."""
        self._ask(key, lambda: self._client.remove_object(self._bucket, key))

    def _entry(self, entry: Any, prefix: str) -> StoredObject:
        name, modified = str(entry.object_name), entry.last_modified.timestamp() if entry.last_modified else 0.0
        etag = str(entry.etag or "").strip('"')
        return StoredObject(self._uri(name), name[len(prefix) :], int(entry.size or 0), etag, modified)

    def _facts(self, key: str) -> tuple[int, str]:
        """Size and ETag; where they are refused, again by the request that says why (HEAD's answer has no body)."""

        def ask() -> tuple[int, str]:
            try:
                found = self._client.stat_object(self._bucket, key)
                return int(found.size or 0), str(found.etag)
            except S3Error:
                with closing_answer(self._client.get_object(self._bucket, key)) as answer:
                    return int(answer.headers["Content-Length"]), str(answer.headers["ETag"]).strip('"')

        return self._ask(key, ask)

    def _put(self, key: str, content: BinaryIO, size: int) -> None:
        """Send the object with its SHA-256 beside it, and compare what the store says of it."""
        sums = Sums.of(content)
        if damage := self._ask(key, lambda: self._sent(key, content, size, sums)):
            raise StorageError(f"{self._uri(key)} was damaged on its way into the store ({damage}); try again")

    def _sent(self, key: str, content: BinaryIO, size: int, sums: Sums) -> str | None:
        """One upload, from the file's beginning; what is wrong with what arrived."""
        content.seek(0)
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
        return sums.differing(result.http_headers) if size <= PART_BYTES else self._lost_parts(key, sums, size)

    def _lost_parts(self, key: str, sums: Sums, size: int) -> str | None:
        """What is missing of an object that went in parts; None too where it is another one by now."""
        stored = self._client.stat_object(self._bucket, key)
        ours = stored.metadata.get(SHA256_HEADER) == sums.sha256
        return f"{stored.size} bytes, wanted {size}" if ours and stored.size != size else None

    def _fetch(self, key: str, sink: BinaryIO) -> None:
        """Fill the sink with the object, of the checksum that the store tells."""
        body = Body(sink)
        damage = self._ask(key, lambda: body.go_on(partial(self._client.get_object, self._bucket, key)))
        if damage:
            raise StorageError(f"{self._uri(key)} arrived damaged ({damage}); try again")

    def _fetch_range(self, key: str, start: int, stop: int) -> bytes:
        """One download of a part, none of its bytes missing."""
        with closing_answer(self._client.get_object(self._bucket, key, start, stop - start)) as answer:
            if answer.status != HTTPStatus.PARTIAL_CONTENT:
                raise ServerError("the page of a server that is no S3 API", answer.status)
            return b"".join(pieces(answer))

    def _ask(self, key: str, work: Callable[[], Result]) -> Result:
        """What the store answers, asked again while it is away."""

        def ask() -> Result:
            with self._explained(key):
                return work()

        return Patience().keep(ask)

    def _explained(self, key: str) -> AbstractContextManager[None]:
        return explained(self._uri(key), self._bucket, self._settings)

    def _uri(self, key: str) -> str:
        return str(Uri(self._scheme, self._bucket, key))
