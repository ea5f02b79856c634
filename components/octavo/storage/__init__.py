"""Objects by URI: local files, S3 and what speaks its protocol, Google Cloud Storage.

    open_store(uri) -> Store, key      the store's verbs: store.py
    claimed(folder, owner)         to write a folder while nobody else does
    prove_writable(folder)         before the work whose results go there
    at_most(seconds)               how long a store that is away is tried again
    open_object(uri) -> a file     to read a part of a large object
    read_bytes(uri), download(uri, path), upload(path, uri), list_objects(uri), exists(uri), delete_folder(uri),
    version(uri)                   which content an object has
    join(uri, name), parent(uri)

A store's client is imported when a URI of that store is first opened.
"""

from octavo.storage.claim import Claim, claimed
from octavo.storage.patience import at_most
from octavo.storage.ranges import open_object
from octavo.storage.store import ConflictError, MissingObjectError, Store, StoredObject, UnavailableError
from octavo.storage.transfer import (
    delete_folder,
    download,
    exists,
    join,
    list_objects,
    open_store,
    parent,
    read_bytes,
    upload,
    version,
)
from octavo.storage.uri import Uri, parse_uri
from octavo.storage.writable import prove_writable

__all__ = [
    "Claim",
    "ConflictError",
    "MissingObjectError",
    "Store",
    "StoredObject",
    "UnavailableError",
    "Uri",
    "at_most",
    "claimed",
    "delete_folder",
    "download",
    "exists",
    "join",
    "list_objects",
    "open_object",
    "open_store",
    "parent",
    "parse_uri",
    "prove_writable",
    "read_bytes",
    "upload",
    "version",
]
