"""URIs of objects and folders, read and written back."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from octavo.errors import StorageError

SCHEMES = ("file", "s3", "minio", "gs")
"""What a URI may begin with; a text without a scheme is a path."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(/{1,2})")


@dataclass(frozen=True, slots=True)
class Uri:
    """Where an object or a folder is.

    Attributes:
        scheme: one of `SCHEMES`.
        bucket: the bucket's name; empty for a file.
        key: the object's key, literally ('%', '?' and '#' mean themselves); for a file, its absolute path.
    """

    scheme: str
    bucket: str
    key: str

    def __str__(self) -> str:
        """The text that `parse_uri` reads as this URI; a file is written as a plain path."""
        return self.key if self.scheme == "file" else f"{self.scheme}://{self.bucket}/{self.key}"

    def child(self, name: str) -> Uri:
        """The URI of `name` (which may hold slashes) under this one, seen as a folder."""
        return Uri(self.scheme, self.bucket, as_folder(self.key) + name)


def as_folder(key: str) -> str:
    """The key with a slash at its end, so that `a` is no beginning of `ab/x`; the root stays empty."""
    return key if not key or key.endswith("/") else f"{key}/"


def parse_uri(text: str) -> Uri:
    """Read `s3://bucket/key`, `minio://...`, `gs://...`, `file:///path` (percent-decoded) or a plain path.

    Raises:
        StorageError: on an empty text, an unknown scheme, a missing bucket, or credentials inside the URI.
    """
    if not text or "\0" in text:
        raise StorageError(f"{text!r} is no URI; wanted a path or one of {_known()}")
    found = _SCHEME.match(text)
    scheme = found[1].lower() if found else ""
    if found is None or (found[2] == "/" and scheme not in SCHEMES):
        return Uri("file", "", _absolute(text))
    if found[2] == "/":
        raise StorageError(f"{text!r} has one slash after {scheme!r}; wanted {scheme}://")
    if scheme not in SCHEMES:
        raise StorageError(f"{scheme}:// is not supported; wanted a path or one of {_known()}")
    rest = text[found.end() :]
    return _file(rest) if scheme == "file" else _object(scheme, rest)


def _known() -> str:
    return ", ".join(f"{scheme}://" for scheme in SCHEMES)


def _absolute(path: str) -> str:
    try:
        return str(Path(path).expanduser().absolute())
    except RuntimeError:  # ~somebody, of whom the machine knows no home
        return str(Path(path).absolute())


def _file(rest: str) -> Uri:
    host, slash, path = rest.partition("/")
    if host not in ("", "localhost") or not slash:
        raise StorageError(f"'file://{rest}' is no absolute path on this machine; wanted file:///absolute/path")
    decoded = os.fsdecode(unquote_to_bytes(f"/{path}"))
    if "\0" in decoded:
        raise StorageError(f"'file://{rest}' holds a null character; wanted file:///absolute/path")
    return Uri("file", "", str(Path(decoded)))


def _object(scheme: str, rest: str) -> Uri:
    bucket, _, key = rest.partition("/")
    if "@" in bucket:
        raise StorageError(
            f"a {scheme}:// URI holds credentials before its '@'; wanted {scheme}://BUCKET/KEY, "
            "with the keys in the environment"
        )
    if not bucket:
        raise StorageError(f"'{scheme}://{rest}' names no bucket; wanted {scheme}://BUCKET/KEY")
    return Uri(scheme, bucket, key)
