"""Which content a data set has: a digest of the versions that its files have in their stores."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from octavo.data.manifest import uris_of
from octavo.data.parts import Parts, Plan
from octavo.errors import DataError
from octavo.runtime.in_order import in_order
from octavo.storage import MissingObjectError, list_objects, parent, version

AT_ONCE = 16
"""Objects that are asked for at the same time."""

LISTED = 50
"""A folder with more files of a data set is listed, instead of asked for each of them."""


def data_version(manifest: str | Path) -> str:
    """A digest that another content of a manifest's files does not have.

    Raises:
        DataError: when the manifest cannot be read.
        StorageError: when a file is not there, or its store cannot be reached or refuses.
    """
    uris = uris_of(manifest)
    known = versions(uris)
    return hashlib.sha256("\n".join(f"{uri} {known[uri]}" for uri in uris).encode()).hexdigest()


def check_unchanged(parts: Parts, plan: Plan) -> None:
    """Confirm that the files of a loop's data set are those that were there when its shards were planned.

    Raises:
        DataError: when one is gone or has another content.
        StorageError: when a store cannot be reached or refuses.
    """
    try:
        same = data_version(parts.manifest) == plan.data
    except MissingObjectError as fault:
        raise DataError(
            f"a file of the data set was taken away while it was read ({fault}); start the run again"
        ) from fault
    if not same:
        raise DataError(
            f"the data set was changed while it was read: files that {parts.manifest!r} lists have another version "
            "than when the shards were planned; start the run again"
        )


def versions(uris: Sequence[str]) -> Mapping[str, str]:
    """The version of each file. Raises StorageError as `storage.version` does."""
    folders: dict[str, list[str]] = {}
    for uri in uris:
        folders.setdefault(parent(uri), []).append(uri)
    known: dict[str, str] = {}
    for folder, files in folders.items():
        if len(files) > LISTED:
            known |= {entry.uri: entry.version for entry in list_objects(folder)}
    left = [uri for uri in uris if uri not in known]
    return known | dict(zip(left, in_order(version, left, at_once=AT_ONCE), strict=True))
