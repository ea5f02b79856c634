"""Local files that are whole or not there at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def expanded(path: str | Path) -> Path:
    """A path with "~" and "~user" as the folders they stand for; a user that is not known stays as written."""
    return Path(os.path.expanduser(path))  # noqa: PTH111  Path.expanduser fails for such a user


def write_atomically(path: str | Path, content: bytes | str | Iterable[bytes]) -> None:
    """Write a file under a temporary name beside its own, then rename it. Makes the folder when it is missing.

    Args:
        path: the file.
        content: all of it, or its parts in turn; when making a part fails, no file is left.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    whole = content.encode() if isinstance(content, str) else content
    parts = [whole] if isinstance(whole, bytes) else whole
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(parts)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON, indented and with sorted keys, so that equal values give equal bytes.

    Raises:
        ValueError: on NaN or infinity, which JSON cannot say.
    """
    write_atomically(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")
