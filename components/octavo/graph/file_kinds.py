"""What a file is that cannot be read as a GraphDef: a truncated one, or a file of another kind."""

from __future__ import annotations

from typing import Any

KINDS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89HDF\r\n\x1a\n", "it is an HDF5 file, as Keras writes: freeze_graph reads those"),
    (0, b"PK\x03\x04", "it is a zip file, perhaps a .keras one: freeze_graph reads those"),
    (4, b"TFL3", "it is a TensorFlow Lite model"),
    (0, b"\x1f\x8b", "it is compressed with gzip: unpack it first"),
    (0, b"version https://git-lfs", "it is a Git LFS pointer: fetch the file itself with git lfs pull"),
    (0, b"<!doctype html", "it is a web page"),
    (0, b"<html", "it is a web page"),
)
"""Where a file of a kind has which bytes, in lower case where they are letters, and what to say of it."""

SAVED_MODEL = "it is a SavedModel: name its folder instead"

FIELDS = {1: 2, 2: 2, 3: 0, 4: 2}
"""GraphDef's fields, nodes, library, old version and versions, with their wire types."""

LENGTH_DELIMITED = 2


def why_no_graph(content: bytes, complaint: str) -> str:
    """One clause that says why a file's content is no GraphDef.

    Args:
        content: the file's bytes, which protobuf can read neither as binary nor as text.
        complaint: what protobuf says of them as text.
    """
    for start, magic, kind in KINDS:
        found = content[start : start + len(magic)]
        if magic in {found, found.lower()}:
            return kind
    if is_saved_model(content):
        return SAVED_MODEL
    if _holds_meta_graph(content):
        return "it is a MetaGraphDef, the .meta file of a checkpoint: freeze_graph reads it as --input_meta_graph"
    return _why_damaged(content) or f"neither binary nor text ({complaint[:80]})"


def is_saved_model(content: bytes) -> bool:
    """Whether a file's content is a SavedModel's, which protobuf may take for an empty GraphDef."""
    from tensorflow.core.protobuf import saved_model_pb2

    message = _parsed(saved_model_pb2.SavedModel(), content)
    return message is not None and len(message.meta_graphs) > 0


def _holds_meta_graph(content: bytes) -> bool:
    from tensorflow.core.protobuf import meta_graph_pb2

    message = _parsed(meta_graph_pb2.MetaGraphDef(), content)
    return message is not None and len(message.graph_def.node) > 0


def _parsed(message: Any, content: bytes) -> Any:
    from google.protobuf.message import DecodeError

    try:
        message.ParseFromString(content)
    except DecodeError:
        return None
    return message


def _why_damaged(content: bytes) -> str:
    """Where the binary form breaks off or stops making sense; "" when it never looked like a GraphDef."""
    nodes = at = 0
    while at < len(content):
        field, end = _field(content, at)
        if field is None:
            return f"it is damaged at byte {at:,}, after {_counted(nodes)}" if nodes else ""
        if end > len(content):
            told = f"it is truncated: it ends within its {_ordinal(nodes + 1)} node or what follows"
            return "" if _is_text(content) else told
        nodes += field == 1
        at = end
    return f"one of its {_counted(nodes)} is damaged" if nodes else ""


def _is_text(content: bytes) -> bool:
    return all(byte >= 32 or byte in b"\t\r\n" for byte in content[:1000])


def _ordinal(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number:,}th")


def _counted(nodes: int) -> str:
    return f"{nodes:,} {'node' if nodes == 1 else 'nodes'}"


def _field(content: bytes, at: int) -> tuple[int | None, int]:
    """The number of the field that begins at a byte, None when it is none of GraphDef's, and where it ends."""
    tag, at = _varint(content, at)
    if FIELDS.get(tag >> 3) != tag & 7:
        return None, at
    value, at = _varint(content, at)
    return tag >> 3, at + value if tag & 7 == LENGTH_DELIMITED else at


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends; beyond the content where that ends within it."""
    value = shift = 0
    while at < len(content) and shift < 64:
        value |= (content[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if content[at - 1] < 0x80:
            return value, at
    return value, len(content) + 1
