"""Documents that another step wrote, or a sentence on why they cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from octavo.errors import OctavoError

T = TypeVar("T")


def read_document(path: Path, kind: type[T], error: type[OctavoError], *, unread: str, wrong: str) -> T:
    """Read a JSON document; fields that its kind does not know are passed over, unless it forbids them.

    Args:
        path: the file.
        kind: what it should hold.
        error: what is raised where it does not.
        unread: the error's text where the file cannot be read, with {path!r} and {why} in it.
        wrong: the same where it holds something else.
    """
    try:
        return TypeAdapter(kind).validate_json(path.read_bytes())
    except OSError as fault:
        raise error(unread.format(path=str(path), why=fault.strerror)) from fault
    except ValidationError as fault:
        raise error(wrong.format(path=str(path), why=first_fault(fault))) from fault


def first_fault(fault: ValidationError, whole: str = "the whole") -> str:
    """Where a document is wrong first, and how: "nodes.0.op: Field required"; `whole` stands for all of it."""
    first = fault.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or whole}: {first['msg']}"
