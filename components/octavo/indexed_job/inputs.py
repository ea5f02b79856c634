"""What the pods of a Job need, in the plan's folder in the store: it goes with what they leave there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from octavo.data.plan import read_plan
from octavo.errors import DataError
from octavo.files import write_json
from octavo.storage import download, exists, join, read_bytes, upload

WORK = "work.json"
"""The object that names the others; it is written last, and so tells that all are there."""


class Work(BaseModel):
    """What each pod does: it runs a component on one shard.

    Attributes:
        component: one of octavo.components, with a parameter `shard`.
        parameters: the others.
        artifacts: the names of those that it reads; the plan is one of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    component: str
    parameters: dict[str, Any]
    artifacts: tuple[str, ...]


def checksum(component: str, parameters: Mapping[str, Any], artifacts: Mapping[str, Path]) -> str:
    """Tells work from other work: sixteen hexadecimal digits, which depend on every byte of it."""
    contents = {name: _digest(path) for name, path in artifacts.items()}
    whole = json.dumps([component, dict(parameters), contents], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def put(work: Work, artifacts: Mapping[str, Path], name: str, place: Path) -> str:
    """Store what the pods need, unless it is there.

    Args:
        work: what they do.
        artifacts: their files, by the names in it.
        name: of the folder under the plan's.
        place: a folder here, for the file that names the others.

    Returns:
        The folder's URI.

    Raises:
        StorageError: when the store cannot be reached or refuses.
    """
    folder = join(read_plan(artifacts["plan"]).folder, name)
    if exists(join(folder, WORK)):
        return folder
    for each in work.artifacts:
        upload(artifacts[each], join(folder, each))
    write_json(place / WORK, work.model_dump(mode="json"))
    upload(place / WORK, join(folder, WORK))
    return folder


def fetch(folder: str, place: Path) -> tuple[Work, dict[str, Path]]:
    """What `put` has stored.

    Args:
        folder: as it was returned.
        place: a folder here, for the files.

    Returns:
        The work, and its artifacts' files.

    Raises:
        DataError: when it is something else.
        StorageError: when the store cannot be reached or refuses, or an object is not there.
    """
    try:
        work = Work.model_validate_json(read_bytes(join(folder, WORK)))
    except ValidationError as fault:
        first = fault.errors()[0]
        raise DataError(f"{join(folder, WORK)!r} does not say what to do: {first['loc']}: {first['msg']}") from fault
    files = {name: place / name for name in work.artifacts}
    for name, path in files.items():
        download(join(folder, name), path)
    return work, files
