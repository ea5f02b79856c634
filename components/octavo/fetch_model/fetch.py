"""Copy a model from object storage into a folder, with a record of sizes and checksums."""

from __future__ import annotations

import hashlib
import logging
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from octavo.documents.model_record import RECORD, FileRecord, ModelRecord
from octavo.errors import GraphError, StorageError
from octavo.model import SAVED_MODELS, WANTED, Layout, kind_of_file, layout
from octavo.notes import counted
from octavo.storage import (
    MissingObjectError,
    StoredObject,
    download,
    exists,
    list_objects,
    parse_uri,
    read_bytes,
    version,
)

LOG = logging.getLogger(__name__)

FILES = "files"
"""The folder of the copied files, beside the record."""


def model_version(uri: str) -> str:
    """Which content a model has: a digest of the versions that its files have in their store.

    Args:
        uri: as `fetch_model` takes it.

    Raises:
        OctavoError: as `fetch_model` does where there is no model to fetch.
    """
    found, uris = _find(uri)
    lines = [f"{name} {version(uris[name])}" for name in found.files]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]


def fetch_model_of(uri: str, target: Path, wanted: str) -> ModelRecord:
    """Copy a model of a version that was told before: see `fetch_model`.

    Args:
        uri: the model.
        target: the folder to make.
        wanted: the version, with more behind a dash or without; empty for whatever is there.

    Raises:
        OctavoError: as `fetch_model` does.
        GraphError: when the model was changed since.
    """
    record = fetch_model(uri, target)
    if wanted and model_version(uri) != wanted.partition("-")[0]:
        raise GraphError(f"the model {uri!r} was changed while the run began; start it again")
    return record


def fetch_model(uri: str, target: Path) -> ModelRecord:
    """Copy a model into the folder `target`, which appears whole or not at all.

    Args:
        uri: a GraphDef file (.pb, .pbtxt), a Keras file (.keras, .h5), a folder with graph.pb or graph.pbtxt and
            its checkpoint, or a SavedModel folder; file://, s3://, minio://, gs:// or a path.
        target: gets model.json and files/; replaced when it holds an earlier model, made when it is missing.

    Raises:
        StorageError: when the store cannot be reached or refuses, a file arrives damaged, or `target` holds
            something else.
        GraphError: when the URI names no model, or more than one.
    """
    found, uris = _find(uri)
    with _new_folder(target) as folder:
        files = [_copy(uris[name], folder, f"{FILES}/{name}") for name in found.files]
        record = ModelRecord(
            uri=str(parse_uri(uri)),  # a relative path would mean something else elsewhere
            kind=found.kind,
            graph=str(PurePosixPath(FILES, found.graph)),
            checkpoint=f"{FILES}/{found.checkpoint}" if found.checkpoint is not None else None,
            files=tuple(files),
        )
        record.write(folder / RECORD)
    size = sum(file.bytes for file in files)
    what = f"{counted(len(files), 'file')}, {counted(size, 'byte')}"
    LOG.info("fetched %s: %s, %s", record.uri, found.kind.replace("_", " "), what)
    return record


def _find(uri: str) -> tuple[Layout, dict[str, str]]:
    """What the URI names, and the URI of each file of it."""
    name = PurePosixPath(uri).name
    if exists(uri):
        if name in SAVED_MODELS:
            raise GraphError(f"{uri!r} is one file of a SavedModel; give its folder")
        return Layout(kind_of_file(name, uri), name, None, (name,)), {name: uri}
    entries = list_objects(uri)
    if not entries:
        raise MissingObjectError(f"there is no model at {uri!r}; wanted {WANTED}")
    uris = {entry.name: entry.uri for entry in entries}
    _check_names(entries, uri)
    return layout(uris, uri, lambda file: read_bytes(uris[file]).decode(errors="replace")), uris


def _check_names(entries: Sequence[StoredObject], uri: str) -> None:
    """Refuse names that would leave the folder they are copied into."""
    for entry in entries:
        if ".." in entry.name.split("/") or entry.name.startswith("/") or "//" in entry.name:
            raise StorageError(f"{uri!r} holds an object named {entry.name!r}, which is no path inside a folder")


def _copy(uri: str, folder: Path, name: str) -> FileRecord:
    path = folder / name
    download(uri, path)
    with path.open("rb") as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
    return FileRecord(path=name, bytes=path.stat().st_size, sha256=checksum)


@contextmanager
def _new_folder(target: Path) -> Iterator[Path]:
    """A folder to fill, which takes the place of `target` when the block ends well and is removed when not."""
    target = target.expanduser().absolute()
    _check_replaceable(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    except OSError as fault:
        raise StorageError(f"the folder {str(target)!r} cannot be made: {fault.strerror}") from fault
    try:
        yield folder
        folder.chmod(0o755)
        if target.exists():
            shutil.rmtree(target)
        folder.rename(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check_replaceable(target: Path) -> None:
    """Refuse to replace what is not a model that was fetched before."""
    if target.is_dir():
        if (target / RECORD).is_file() or not any(target.iterdir()):
            return
        raise StorageError(f"the folder {str(target)!r} is not empty and holds no {RECORD}; choose another")
    if target.exists():
        raise StorageError(f"{str(target)!r} is a file; wanted a folder to make or to replace")
