"""Trained models as files: what kinds there are and how each is laid out."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from octavo.documents.model_record import RECORD, Kind, ModelRecord
from octavo.errors import GraphError

GRAPH_SUFFIXES = (".pb", ".pbtxt")
KERAS_SUFFIXES = (".keras", ".h5", ".hdf5")
SAVED_MODELS = ("saved_model.pb", "saved_model.pbtxt")

WANTED = "a .pb, .pbtxt, .keras or .h5 file, a folder with a graph and its checkpoint, or a SavedModel folder"
"""What a model may be, in words."""

_SHARD = re.compile(r"(.*)\.data-(\d{5})-of-(\d{5})")
_LATEST = re.compile(r'^model_checkpoint_path: "(.*)"', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Model:
    """A model on this machine.

    Attributes:
        kind: what it is.
        graph: absolute path of the graph's or the Keras file, or of the SavedModel's folder.
        checkpoint: absolute path of the checkpoint's prefix, for a graph with a checkpoint.
    """

    kind: Kind
    graph: Path
    checkpoint: Path | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """What a folder's files make up.

    Attributes:
        kind: what it is.
        graph: the graph's or the Keras file; "" is the folder itself, for a SavedModel.
        checkpoint: the checkpoint's prefix.
        files: the files that belong to the model, in order.
    """

    kind: Kind
    graph: str
    checkpoint: str | None
    files: tuple[str, ...]


def read_model(path: str | Path) -> Model:
    """Find a model: the folder or record that fetch_model wrote, or a model in any form that it accepts.

    Raises:
        GraphError: when there is none, or files of the record are missing or of another size.
    """
    place = Path(path).expanduser().absolute()
    if place.name == RECORD or (place / RECORD).is_file():
        return _recorded(place.parent if place.name == RECORD else place)
    if place.is_dir():
        files = (*place.iterdir(), *place.glob("*/saved_model.pb*"))
        names = [file.relative_to(place).as_posix() for file in files if file.is_file()]
        found = layout(names, str(path), lambda name: (place / name).read_text(errors="replace"))
        return Model(found.kind, place / found.graph, place / found.checkpoint if found.checkpoint else None)
    if not place.exists():
        raise GraphError(f"there is no model at {str(path)!r}; wanted {WANTED}")
    if place.name in SAVED_MODELS:
        return Model("saved_model", place.parent)
    return Model(kind_of_file(place.name, str(path)), place)


def kind_of_file(name: str, where: str) -> Kind:
    """What a single file is, by its name.

    Raises:
        GraphError: when the name is not that of a model.
    """
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in GRAPH_SUFFIXES:
        return "frozen_graph"
    if suffix in KERAS_SUFFIXES:
        return "keras"
    raise GraphError(f"{where!r} is no model that octavo knows by its name; wanted {WANTED}")


def layout(names: Collection[str], where: str, read: Callable[[str], str]) -> Layout:
    """What the files of a folder make up; names are relative to it, with slashes.

    Args:
        names: every file in the folder and below.
        where: the folder, for messages.
        read: gives the text of one of the files; called for the state file `checkpoint` of several checkpoints.

    Raises:
        GraphError: when they make up no model, or more than one.
    """
    top = sorted(name for name in names if "/" not in name)
    if any(name in SAVED_MODELS for name in top):
        return Layout("saved_model", "", None, tuple(sorted(names)))
    graph = _the_one(top, GRAPH_SUFFIXES, ("graph.pb", "graph.pbtxt"), where)
    if graph is not None:
        prefix = _checkpoint(top, where, read)
        if prefix is None:
            return Layout("frozen_graph", graph, None, (graph,))
        return Layout("graph_and_checkpoint", graph, prefix, (graph, *_checkpoint_files(prefix, top, where)))
    keras = _the_one(top, KERAS_SUFFIXES, (), where)
    if keras is not None:
        return Layout("keras", keras, None, (keras,))
    raise GraphError(f"{where!r} holds no model ({_what_is_there(names)}); wanted {WANTED}")


def _the_one(top: list[str], suffixes: tuple[str, ...], preferred: tuple[str, ...], where: str) -> str | None:
    """The file of one of the suffixes; a preferred name wins over others."""
    found = [name for name in top if name.lower().endswith(suffixes)]
    named = [name for name in found if name in preferred]
    chosen = named or found
    if len(chosen) > 1:
        raise GraphError(f"{where!r} holds several models ({', '.join(chosen)}); name one of them")
    return chosen[0] if chosen else None


def _checkpoint(top: list[str], where: str, read: Callable[[str], str]) -> str | None:
    """The prefix of the checkpoint; of several, the one that the state file `checkpoint` calls the latest."""
    prefixes = [name.removesuffix(".index") for name in top if name.endswith(".index")]
    if len(prefixes) > 1 and "checkpoint" in top:
        latest = _LATEST.search(read("checkpoint"))
        prefixes = [prefix for prefix in prefixes if latest and prefix == PurePosixPath(latest[1]).name] or prefixes
    if len(prefixes) > 1:
        raise GraphError(
            f"{where!r} holds several checkpoints ({', '.join(prefixes)}) and no file `checkpoint` that names "
            "the latest; keep one"
        )
    if not prefixes and any(_SHARD.fullmatch(name) for name in top):
        raise GraphError(f"{where!r} holds the data of a checkpoint without its .index file; copy that as well")
    return prefixes[0] if prefixes else None


def _checkpoint_files(prefix: str, top: list[str], where: str) -> tuple[str, ...]:
    """The index and every shard of the data."""
    shards = [found for found in map(_SHARD.fullmatch, top) if found and found[1] == prefix]
    number = int(shards[0][3]) if shards else 1
    wanted = [f"{prefix}.data-{shard:05}-of-{number:05}" for shard in range(number)]
    missing = sorted(set(wanted) - set(top))
    if missing:
        raise GraphError(f"the checkpoint {prefix!r} in {where!r} lacks {missing[0]!r}; copy that as well")
    return (f"{prefix}.index", *wanted)


def _what_is_there(names: Collection[str]) -> str:
    """The names in a few words, with a hint where a SavedModel lies deeper."""
    deeper = sorted(name for name in names if PurePosixPath(name).name in SAVED_MODELS)
    if deeper:
        return f"a SavedModel is in its folder {str(PurePosixPath(deeper[0]).parent)!r}"
    shown = ", ".join(sorted(names)[:3])
    return f"{len(names)} files: {shown}{', ...' if len(names) > 3 else ''}" if names else "no files"


def _recorded(folder: Path) -> Model:
    """The model of a folder that fetch_model wrote."""
    record = ModelRecord.read(folder / RECORD)
    for entry in record.files:
        path = folder / entry.path
        size = path.stat().st_size if path.is_file() else None
        if size != entry.bytes:
            found = "is missing" if size is None else f"has {size:,} bytes"
            raise GraphError(f"{str(path)!r} {found}; {RECORD} says {entry.bytes:,} bytes: fetch the model again")
    checkpoint = folder / record.checkpoint if record.checkpoint is not None else None
    return Model(record.kind, folder / record.graph, checkpoint)
