"""What a data set's URI names: told by the name, and where that does not tell, by the first bytes."""

from __future__ import annotations

import re
from enum import Enum, auto
from pathlib import Path

from octavo.storage import Uri, exists, open_object, parse_uri


class Format(Enum):
    """How examples are stored."""

    FOLDER = auto()
    PATTERN = auto()
    MANIFEST = auto()
    ARRAYS = auto()
    RECORDS = auto()
    IMAGE = auto()
    UNKNOWN = auto()


ENDINGS = {
    ".npz": Format.ARRAYS,
    ".npy": Format.ARRAYS,
    ".jsonl": Format.MANIFEST,
    ".tfrecord": Format.RECORDS,
    ".tfrecords": Format.RECORDS,
    ".tfrec": Format.RECORDS,
    ".tfrecord.gz": Format.RECORDS,
}
"""What a name ends with, in any letter case."""

PART_OF = re.compile(r"-\d{5}-of-\d{5}(\.gz)?$")
"""How the names of TFRecord files often end: train-00017-of-01024."""

WILD = re.compile(r"[*?\[]")
"""What makes a pattern of a name."""


def format_of(uri: str, *, of_file: bool = False) -> Format:
    """The format that a URI names.

    Args:
        uri: a file, a folder or a pattern.
        of_file: it is a file that was listed, of which only the name is looked at.
    """
    name = uri.rsplit("/", 1)[-1].lower()
    for ending, kind in ENDINGS.items():
        if name.endswith(ending) and (of_file or not is_pattern(uri)):
            return kind
    if PART_OF.search(name) and (of_file or not is_pattern(uri)):
        return Format.RECORDS
    if of_file:
        return Format.UNKNOWN
    if is_pattern(uri):
        return Format.PATTERN
    return _by_content(uri) if exists(uri) else Format.FOLDER


def is_pattern(uri: str) -> bool:
    """Whether a URI is a pattern of several: a `*`, `?` or `[` in its key, where nothing of that very name is."""
    place = parse_uri(uri)
    return bool(WILD.search(place.key)) and not exists(uri) and not is_local_folder(place, place.key)


def is_local_folder(place: Uri, key: str) -> bool:
    """Whether a key, in the store of a URI, is a folder of this machine; one in an object store nobody can tell."""
    return place.scheme == "file" and Path(key).is_dir()


def _by_content(uri: str) -> Format:
    with open_object(uri) as file:
        head = file.read(12)
    if head.startswith((b"PK\x03\x04", b"\x93NUMPY")):
        return Format.ARRAYS
    if head.lstrip().startswith(b"{"):
        return Format.MANIFEST
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG", b"GIF8")):
        return Format.IMAGE
    return Format.RECORDS
