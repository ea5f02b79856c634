"""Storage by URI: what the steps call."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from octavo.errors import StorageError
from octavo.storage.store import MissingObjectError, Store, StoredObject
from octavo.storage.uri import Uri, parse_uri


def open_store(uri: str) -> tuple[Store, str]:
    """The store of a URI, and the key in it; the store's client is imported now.

    Raises:
        StorageError: on a URI, or on settings in the environment, that cannot be used.
    """
    place = parse_uri(uri)
    if place.scheme == "file":
        from octavo.storage.files import FileStore

        return FileStore(), place.key
    if place.scheme == "gs":
        from octavo.storage.gcs import GcsStore

        return GcsStore(place.bucket), place.key
    from octavo.storage.s3 import S3Store

    return S3Store(place.scheme, place.bucket), place.key


def read_bytes(uri: str) -> bytes:
    """The whole object, its size and checksum verified where the store tells. Raises as `download` does."""
    store, key = _object(uri)
    return store.read(key)


def download(uri: str, local_path: str | Path) -> None:
    """Stream an object to a local file, which appears whole, verified, or not at all.

    Raises:
        MissingObjectError: when there is no such object.
        StorageError: when the store cannot be reached or refuses, or the object arrives damaged.
    """
    store, key = _object(uri)
    store.download(key, Path(local_path))


def upload(local_path: str | Path, uri: str) -> None:
    """Make or replace an object with the content of a local file, whole or not at all.

    Raises:
        StorageError: when the store cannot be reached or refuses, or the file cannot be read.
    """
    store, key = _object(uri)
    store.upload(Path(local_path), key)


def list_objects(uri: str) -> Sequence[StoredObject]:
    """Everything under a folder, however deep, ordered by name: `a` lists `a/x` and `a/b/y`, never `ab/x`.

    Raises:
        StorageError: when the store cannot be reached or refuses, or there is no such bucket.
    """
    store, key = open_store(uri)
    return store.list(key)


def delete_folder(uri: str) -> int:
    """Delete everything under a folder, and of local files the folder itself; say how many objects that were.

    Raises:
        StorageError: when the store cannot be reached or refuses, or there is no such bucket.
    """
    store, key = open_store(uri)
    found = store.list(key)
    for entry in found:
        store.delete(parse_uri(entry.uri).key)
    if parse_uri(uri).scheme == "file":
        shutil.rmtree(key, ignore_errors=True)
    return len(found)


def exists(uri: str) -> bool:
    """Whether there is such an object (a folder is none). Raises as `list_objects` does."""
    store, key = open_store(uri)
    try:
        return not _is_folder(key) and store.size(key) >= 0
    except MissingObjectError:
        return False


def version(uri: str) -> str:
    """Which content an object has: another text once it is replaced by something else. Raises as `download` does."""
    store, key = _object(uri)
    return store.version(key)


def parent(uri: str) -> str:
    """The URI of the folder that something is in; a bucket is in itself."""
    place = parse_uri(uri)
    folder = place.key.rstrip("/").rpartition("/")[0]
    return str(Uri(place.scheme, place.bucket, folder)).removesuffix("/") or "/"


def join(uri: str, name: str) -> str:
    """The URI of `name` under a folder."""
    return str(parse_uri(uri).child(name))


def _object(uri: str) -> tuple[Store, str]:
    store, key = open_store(uri)
    if _is_folder(key):
        raise StorageError(f"{uri!r} names a bucket or a folder; wanted an object in it: {join(uri, 'NAME')}")
    return store, key


def _is_folder(key: str) -> bool:
    """Whether a key cannot be an object's: some stores hold empty objects of such names to stand for folders."""
    return not key or key.endswith("/")
