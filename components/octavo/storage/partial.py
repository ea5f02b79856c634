"""The local side of a transfer: files to send, and files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from octavo.errors import StorageError

PART_PREFIX = ".octavo-part-"
"""How the name of an unfinished file begins; listings leave such files out."""


@contextmanager
def part_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write, renamed to `path` when the block ends well and removed when it does not.

    Makes the folder when it is missing.

    Raises:
        StorageError: when the file cannot be made, filled or renamed.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=PART_PREFIX)
        part = Path(name)
        try:
            with os.fdopen(handle, "w+b") as file:
                yield file
            part.chmod(0o644)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
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
