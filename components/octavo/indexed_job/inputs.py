"""What the pods of a Job need that is not in the loop's folder yet: which turn is whose."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from octavo.data.parts import Turn
from octavo.errors import DataError
from octavo.reading import first_fault
from octavo.storage import join, read_bytes, upload

WORK = "work.json"

Step = Literal["calibrate", "evaluate"]
"""What is done in a loop's turns."""


class Work(BaseModel):
    """What the pods of a Job do.

    Attributes:
        step: what each does.
        turns: the turn of each index.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: Step
    turns: tuple[Turn, ...]


def new_inputs(parts: str) -> str:
    """The URI of a folder that no other Job has, under the loop's."""
    return join(parts, f"job-{secrets.token_hex(4)}")


def put(work: Work, folder: str, place: Path) -> None:
    """Store what the pods need.

    Args:
        work: what they do.
        folder: the URI of a new folder.
        place: a folder here, for a file.

    Raises:
        StorageError: when the store cannot be reached or refuses.
    """
    (place / WORK).write_text(work.model_dump_json())
    upload(place / WORK, join(folder, WORK))


def read_work(folder: str) -> Work:
    """What `put` was told.

    Raises:
        DataError: when the folder holds something else.
        StorageError: when the store cannot be reached or refuses, or there is no such folder.
    """
    where = join(folder, WORK)
    try:
        return Work.model_validate_json(read_bytes(where))
    except ValidationError as fault:
        raise DataError(f"{where!r} does not say what to do: {first_fault(fault)}") from fault
