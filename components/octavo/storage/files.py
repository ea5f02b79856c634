"""The store of local files: keys are absolute paths."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from octavo.errors import StorageError
from octavo.files import PART_PREFIX
from octavo.storage.partial import received
from octavo.storage.store import ConflictError, MissingObjectError, StoredObject


class FileStore:
    """Local files, and whatever is mounted among them."""

    def read(self, key: str) -> bytes:
        """The whole file."""
        with _explained(key):
            return Path(key).read_bytes()

    def read_range(self, key: str, start: int, stop: int) -> bytes:
        """A part of the file."""
        with _explained(key), Path(key).open("rb") as file:
            file.seek(start)
            content = file.read(stop - start)
        if len(content) != stop - start:
            raise StorageError(f"the file {key!r} ends before byte {stop}; it has changed since it was opened")
        return content

    def download(self, key: str, path: Path) -> None:
        """Copy the file to another path."""
        with _explained(key), Path(key).open("rb") as source, received(path) as copy:
            shutil.copyfileobj(source, copy)

    def write(self, key: str, data: bytes) -> None:
        """Make or replace the file."""
        with received(Path(key)) as file:
            file.write(data)

    def upload(self, path: Path, key: str) -> None:
        """Copy another file to this one."""
        self.download(str(path), Path(key))

    def versioned(self, key: str) -> tuple[bytes, str]:
        """The whole file; its version is what tells it from the one that takes its place."""
        with _explained(key), Path(key).open("rb") as file:
            return file.read(), _version(os.fstat(file.fileno()))

    def write_if(self, key: str, data: bytes, version: str | None) -> str:
        """Make or replace the file while nobody else who asks so may; a lock on its folder sees to that."""
        path = Path(key)
        with _explained(key):
            path.parent.mkdir(parents=True, exist_ok=True)
            with _locked(path.parent):
                found = _version(path.stat()) if path.exists() else None
                if found != version:
                    raise ConflictError(f"the file {key!r} was written by somebody else in between")
                self.write(key, data)
                return _version(path.stat())

    def list(self, folder: str) -> Sequence[StoredObject]:
        """Every file under the folder, links followed."""
        with _explained(folder):
            found = [_entry(path, path.relative_to(folder).as_posix(), path.stat()) for path in _walk(Path(folder))]
        return sorted(found, key=lambda entry: entry.name)

    def size(self, key: str) -> int:
        """Bytes of the file."""
        if Path(key).is_dir():
            raise MissingObjectError(f"{key!r} is a folder; wanted a file")
        with _explained(key):
            return Path(key).stat().st_size

    def version(self, key: str) -> str:
        """Its inode, the time of its last change, and its size."""
        with _explained(key):
            return _version(Path(key).stat())

    def delete(self, key: str) -> None:
        """Remove the file."""
        with _explained(key):
            Path(key).unlink(missing_ok=True)


def _entry(path: Path, name: str, found: os.stat_result) -> StoredObject:
    return StoredObject(str(path), name, found.st_size, _version(found), found.st_mtime)


def _version(found: os.stat_result) -> str:
    return f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}"


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; it goes with the process that holds it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _walk(folder: Path) -> Iterator[Path]:
    """The regular files under a folder; each folder once, so that links cannot make a circle."""
    seen: set[str] = set()
    if not folder.is_dir():
        return
    for top, folders, names in os.walk(folder, followlinks=True, onerror=_raise):
        real = os.path.realpath(top)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        paths = (Path(top, name) for name in names if not name.startswith(PART_PREFIX))
        yield from (path for path in paths if path.is_file())


def _raise(fault: OSError) -> NoReturn:
    """A folder that cannot be read must not pass for an empty one."""
    raise fault


@contextmanager
def _explained(key: str) -> Iterator[None]:
    """Turn the operating system's errors into sentences."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as fault:
        raise MissingObjectError(f"there is no file {key!r}; check the path") from fault
    except IsADirectoryError as fault:
        raise MissingObjectError(f"{key!r} is a folder; wanted a file") from fault
    except OSError as fault:
        raise StorageError(f"the file {key!r} cannot be used: {fault.strerror}") from fault
