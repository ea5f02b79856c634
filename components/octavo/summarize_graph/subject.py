"""Models of every kind, read as one graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from octavo.documents.model_record import RECORD
from octavo.graph.graph import Graph
from octavo.graph.meta_graph import Signature, read_saved_model
from octavo.graph.proto import load_graph
from octavo.model import KERAS_SUFFIXES, SAVED_MODELS, Model, read_model


@dataclass(frozen=True, slots=True)
class Subject:
    """A model, read.

    Args:
        path: the path as the user gave it.
        kind: "frozen_graph", "graph_and_checkpoint", "saved_model" or "keras".
        graph: its graph; `inputs` and `outputs` are those of the signature or of the Keras model, where it has one.
        frozen: the Consts of the graph that hold what were variables.
        signatures: the signatures of a SavedModel.
        signature: the one that the inputs and outputs are of.
    """

    path: str
    kind: str
    graph: Graph
    frozen: frozenset[str] = frozenset()
    signatures: Mapping[str, Signature] = field(default_factory=dict)
    signature: str | None = None


def read_subject(model: Path, signature: str = "") -> Subject:
    """Read a model of any kind. A SavedModel that TensorFlow 2 wrote is read as the graph of one signature.

    Raises:
        GraphError: when the model cannot be read, or has no such signature.
    """
    found = _find(model)
    if found.kind == "keras":
        return _read_keras(str(model), found.graph)
    if found.kind == "saved_model":
        return _read_saved_model(str(model), found.graph, signature)
    return Subject(str(model), found.kind, load_graph(found.graph))


def _find(model: Path) -> Model:
    """The model's kind and files; a file whose name says nothing is taken for a GraphDef."""
    if model.is_file() and model.name not in {RECORD, *SAVED_MODELS} and model.suffix.lower() not in KERAS_SUFFIXES:
        return Model("frozen_graph", model)
    return read_model(model)


def _read_keras(path: str, file: Path) -> Subject:
    from octavo.runtime.functions import keras_function

    function = keras_function(file)
    return Subject(path, "keras", function.graph, function.variables)


def _read_saved_model(path: str, folder: Path, wanted: str) -> Subject:
    from octavo.runtime.functions import saved_model_function

    found = read_saved_model(folder)
    key, signature = found.signature(wanted)
    if found.from_objects:
        function = saved_model_function(folder, key)
        return Subject(path, "saved_model", function.graph, function.variables, found.signatures, key)
    graph = found.graph.with_ends(
        [info.name for info in signature.inputs.values()], [info.name for info in signature.outputs.values()]
    )
    return Subject(path, "saved_model", graph, signatures=found.signatures, signature=key)
