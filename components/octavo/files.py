"""Local files that are whole or not there at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

PART_PREFIX = ".octavo-part-"
"""How the name of an unfinished file begins; a store's listings leave such files out."""


def expanded(path: str | Path) -> Path:
    """A path with "~" and "~user" as the folders they stand for; a user that is not known stays as written."""
    return Path(os.path.expanduser(path))  # noqa: PTH111  Path.expanduser fails for such a user


@contextmanager
def part_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write, renamed to `path` when the block ends well and removed when it does not.

    Makes the folder when it is missing.
    """
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


def write_atomically(path: str | Path, content: bytes | str | Iterable[bytes]) -> None:
    """Write a file under a temporary name beside its own, then rename it. Makes the folder when it is missing.

    Args:
        path: the file.
        content: all of it, or its parts in turn; when making a part fails, no file is left.
    """
    whole = content.encode() if isinstance(content, str) else content
    with part_file(Path(path)) as file:
        file.writelines([whole] if isinstance(whole, bytes) else whole)


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON, indented and with sorted keys, so that equal values give equal bytes.

    Raises:
        ValueError: on NaN or infinity, which JSON cannot say.
    """
    write_atomically(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")
