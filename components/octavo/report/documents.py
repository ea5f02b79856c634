"""What the earlier steps wrote, as far as the report reads it."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from octavo.errors import GraphError


class _Document(BaseModel):
    """Fields that the report does not read are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class ModelFile(_Document):
    """A file of the model as it was fetched."""

    path: str
    bytes: int
    sha256: str


class FetchedModel(_Document):
    """What fetch_model recorded."""

    uri: str
    kind: str
    files: tuple[ModelFile, ...] = ()


D = TypeVar("D", bound=_Document)


def read_document(path: Path, kind: type[D], step: str) -> D:
    """Read a JSON document.

    Args:
        path: the file.
        kind: what it should hold.
        step: the step that writes it, for the error's text.

    Raises:
        GraphError: when the file cannot be read or is something else.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as fault:
        raise GraphError(f"the file {str(path)!r} cannot be read: {fault.strerror}; wanted {step}'s") from fault
    except ValidationError as fault:
        first = fault.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise GraphError(f"{str(path)!r} is not what {step} writes: {where}: {first['msg']}") from fault
