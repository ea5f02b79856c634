"""MetaGraphDef, SavedModel and SaverDef files: a graph with its signatures and the name of its restore op."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from octavo.errors import GraphError
from octavo.graph.attrs import read_shape
from octavo.graph.graph import Graph
from octavo.graph.names import canonical
from octavo.graph.proto import from_def
from octavo.tensorflow import import_tensorflow

DEFAULT_SIGNATURE = "serving_default"


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One input or output of a signature; `name` is a tensor of the graph, `shape` None for unknown rank."""

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True, slots=True)
class Signature:
    """A way to call a model: its inputs and outputs by key, keys sorted."""

    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]


@dataclass(frozen=True, slots=True)
class MetaGraph:
    """A graph as a Saver or a SavedModel wrote it.

    Args:
        graph: the nodes and the function library.
        signatures: signature key -> signature.
        restore_op: the node that restores the variables; "" when none is named.
        from_objects: whether TensorFlow 2 wrote it, as objects and functions.
    """

    graph: Graph
    signatures: Mapping[str, Signature] = field(default_factory=dict)
    restore_op: str = ""
    from_objects: bool = False

    def signature(self, key: str = "") -> tuple[str, Signature]:
        """The signature of that key; without a key "serving_default", or the only one there is.

        Raises:
            GraphError: when it is not there, or several are and none is called "serving_default".
        """
        usable = {name: found for name, found in self.signatures.items() if found.outputs}
        if not key and len(usable) == 1:
            return next(iter(usable.items()))
        wanted = key or DEFAULT_SIGNATURE
        if wanted not in usable:
            listed = ", ".join(usable) or "none"
            raise GraphError(f"the model has no signature {wanted!r}; its signatures: {listed}")
        return wanted, usable[wanted]


def read_meta_graph(path: str | Path) -> MetaGraph:
    """Read a MetaGraphDef file, binary or text (both are tried).

    Raises:
        GraphError: when the file is absent, damaged, or holds no nodes.
    """
    import_tensorflow()
    from tensorflow.core.protobuf import meta_graph_pb2

    return _from_message(_parse(Path(path), meta_graph_pb2.MetaGraphDef()), Path(path))


def read_saved_model(folder: str | Path, tags: Sequence[str] = ("serve",)) -> MetaGraph:
    """Read the meta graph of a SavedModel folder that has exactly these tags.

    Raises:
        GraphError: when the folder is no SavedModel, or no meta graph has the tags; the message lists those there are.
    """
    import_tensorflow()
    from tensorflow.core.protobuf import saved_model_pb2

    files = [Path(folder) / name for name in ("saved_model.pb", "saved_model.pbtxt")]
    file = next((f for f in files if f.is_file()), None)
    if file is None:
        raise GraphError(f"the folder {str(folder)!r} is no SavedModel: it holds no saved_model.pb")
    message = _parse(file, saved_model_pb2.SavedModel())
    by_tags = {frozenset(found.meta_info_def.tags): found for found in message.meta_graphs}
    if frozenset(tags) not in by_tags:
        listed = "; ".join(",".join(sorted(known)) for known in by_tags) or "none"
        raise GraphError(f"the SavedModel {str(folder)!r} has no tags {','.join(tags)!r}; it has: {listed}")
    return _from_message(by_tags[frozenset(tags)], file)


def read_restore_op(path: str | Path) -> str:
    """The name of the restore op in a SaverDef file, binary or text.

    Raises:
        GraphError: when the file is no SaverDef.
    """
    import_tensorflow()
    from tensorflow.core.protobuf import saver_pb2

    saver = _parse(Path(path), saver_pb2.SaverDef())
    if not saver.restore_op_name:
        raise GraphError(f"the file {str(path)!r} is no SaverDef: it names no restore op")
    return str(saver.restore_op_name)


def _parse(path: Path, message: Any) -> Any:
    """Read a message from a file, binary or text."""
    from google.protobuf import text_format
    from google.protobuf.message import DecodeError

    kind = message.DESCRIPTOR.name
    try:
        content = path.expanduser().read_bytes()
    except OSError as fault:
        raise GraphError(f"the {kind} file {str(path)!r} cannot be read: {fault.strerror}") from fault
    try:
        message.ParseFromString(content)
    except DecodeError:
        message.Clear()
        try:
            text_format.Parse(content, message)
        except (text_format.ParseError, UnicodeDecodeError) as fault:
            raise GraphError(
                f"the file {str(path)!r} is no {kind}, neither binary nor text: {str(fault)[:80]}"
            ) from fault
    return message


def _from_message(message: Any, path: Path) -> MetaGraph:
    if not message.graph_def.node:
        raise GraphError(f"the file {str(path)!r} holds no graph")
    return MetaGraph(
        graph=from_def(message.graph_def),
        signatures={key: _signature(message.signature_def[key]) for key in sorted(message.signature_def)},
        restore_op=message.saver_def.restore_op_name,
        from_objects=bool(message.object_graph_def.nodes),
    )


def _signature(message: Any) -> Signature:
    return Signature(_infos(message.inputs), _infos(message.outputs))


def _infos(infos: Any) -> dict[str, TensorInfo]:
    return {key: _info(infos[key]) for key in sorted(infos) if infos[key].name and infos[key].dtype}


def _info(message: Any) -> TensorInfo:
    import tensorflow as tf

    dtype = tf.dtypes.as_dtype(message.dtype).base_dtype.name
    return TensorInfo(canonical(message.name), dtype, read_shape(message.tensor_shape).known)
