"""The local side of a transfer: files to send, and files that appear whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from octavo.errors import StorageError
from octavo.files import part_file


@contextmanager
def received(path: Path) -> Iterator[BinaryIO]:
    """A file to fill, which appears whole or not at all.

    Raises:
        StorageError: when the file cannot be made, filled or renamed.
    """
    try:
        with part_file(path) as file:
            yield file
    except OSError as fault:
        raise StorageError(f"the file {str(path)!r} cannot be written: {fault.strerror}") from fault


def opened(path: Path) -> BinaryIO:
    """A file to send.

    Raises:
        StorageError: when the file cannot be opened.
    """
    try:
        return path.open("rb")
    except OSError as fault:
        raise StorageError(f"the file {str(path)!r} cannot be read: {fault.strerror}") from fault
