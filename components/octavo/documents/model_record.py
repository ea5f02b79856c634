"""What fetch_model copied, as model.json in the folder of the model holds it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import ConfigDict

from octavo.documents.document import Document, Part
from octavo.errors import GraphError
from octavo.reading import read_document

Kind = Literal["frozen_graph", "graph_and_checkpoint", "saved_model", "keras"]
"""The kinds of model; a frozen_graph is a GraphDef file alone, which may still turn out to have variables."""

RECORD = "model.json"
"""The name of the record in the folder of a fetched model."""


class FileRecord(Part):
    """One file of a fetched model: its path relative to the record, its size and its checksum."""

    model_config = ConfigDict(extra="forbid")

    path: str
    bytes: int
    sha256: str


class ModelRecord(Document):
    """What was fetched.

    Attributes:
        uri: where the model came from.
        kind: what it is.
        graph: the graph's or the Keras file, or the SavedModel's folder, relative to the record.
        checkpoint: the checkpoint's prefix (its .index file's name without that ending), relative to the record.
        files: every file.
    """

    model_config = ConfigDict(extra="forbid")

    uri: str
    kind: Kind
    graph: str
    checkpoint: str | None
    files: tuple[FileRecord, ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a record. Raises GraphError when the file cannot be read or holds something else."""
        return read_document(
            path,
            cls,
            GraphError,
            unread="the record {path!r} cannot be read: {why}",
            wrong="{path!r} is no record of fetch_model ({why})",
        )
