"""What all documents have in common: frozen fields, one way to be written, and one to be read."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict

from octavo.errors import GraphError
from octavo.files import write_json
from octavo.reading import read_document


class Part(BaseModel):
    """A part of a document."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())


class Document(Part):
    """A document that one step writes and others read.

    Attributes:
        STEP: the step that writes it.
    """

    STEP: ClassVar[str]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the document; fields that it does not know are passed over.

        Raises:
            GraphError: when the file cannot be read or is something else.
        """
        unread = f"the file {{path!r}} cannot be read: {{why}}; wanted {cls.STEP}'s"
        return read_document(
            path, cls, GraphError, unread=unread, wrong=f"{{path!r}} is not what {cls.STEP} writes: {{why}}"
        )

    def write(self, path: str | Path) -> None:
        """Write the document as JSON, whole or not at all."""
        write_json(path, self.model_dump(mode="json"))
