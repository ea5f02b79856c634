"""Freeze a model: one graph with constants in the place of variables, and only what the outputs need."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from octavo.errors import GraphError
from octavo.freeze_graph.check import check_runs
from octavo.freeze_graph.checkpoint import Checkpoint
from octavo.freeze_graph.convert import convert_in_session
from octavo.freeze_graph.substitute import substitute
from octavo.freeze_graph.variables import VARIABLES, Restorer, variables_of
from octavo.graph.graph import Graph, Node
from octavo.graph.library import without_unused_functions
from octavo.graph.meta_graph import Signature, read_saved_model
from octavo.graph.miss import Miss
from octavo.graph.names import canonical
from octavo.graph.proto import load_graph, save_graph
from octavo.graph.tensors import Array
from octavo.model import read_model
from octavo.notes import counted
from octavo.runtime.memory import tell_of_memory

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to freeze.

    Args:
        restore_op: the op of a saver that restores the variables; "" when no saver was given.
        initializers: nodes to run after the variables are restored.
        only: the variables to convert; all where empty.
        never: the variables not to convert.
        clear_devices: whether nodes lose the devices they are assigned to.
        signature: the signature of a SavedModel; "" for serving_default.
        tags: the tags of a SavedModel's meta graph.
    """

    restore_op: str = ""
    initializers: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    clear_devices: bool = True
    signature: str = ""
    tags: tuple[str, ...] = ("serve",)


@dataclass(frozen=True, slots=True)
class Frozen:
    """A frozen graph; `converted` names the variables that became constants."""

    graph: Graph
    converted: tuple[str, ...] = ()


DEFAULTS = Settings()


def freeze_model(model: Path, frozen: Path, *, input_names: Sequence[str] = (), output_names: Sequence[str]) -> None:
    """Freeze a model of any kind into a binary GraphDef file; a graph without variables passes through.

    Args:
        model: a graph file, a folder with a graph and a checkpoint, a SavedModel folder, a Keras file, or a folder
            that fetch_model wrote.
        frozen: the file to write, whole or not at all.
        input_names: nodes to keep, whether the outputs need them or not.
        output_names: the outputs; of a SavedModel or a Keras file, all where empty.

    Raises:
        GraphError: when the model cannot be read, a name is not in it, a variable has no value, or the frozen graph
            does not run.
    """
    tell_of_memory(model)
    made = frozen_model(model, input_names=input_names, output_names=output_names)
    not_run = write_frozen(made, frozen)
    converted = counted(len(made.converted), "variable") if made.converted else "no variables, there are none"
    LOG.info("froze %s; the graph has %s", converted, counted(len(made.graph.nodes), "node"))
    if not_run:
        LOG.warning("the frozen graph was loaded, but not run: %s", not_run)


def frozen_model(model: Path, *, input_names: Sequence[str] = (), output_names: Sequence[str]) -> Frozen:
    """Freeze a model of any kind, without running the result. Takes and raises what `freeze_model` does."""
    found = read_model(model)
    if found.kind == "keras":
        return freeze_keras(found.graph, input_names, output_names)
    if found.kind == "saved_model":
        return freeze_saved_model(found.graph, input_names, output_names)
    return freeze_graph(load_graph(found.graph), found.checkpoint, input_names, output_names)


def write_frozen(made: Frozen, path: Path | None) -> str:
    """Run a frozen graph once, then write it, when there is a path.

    Returns:
        Why the graph was only loaded, and not run; "" when it was run.

    Raises:
        GraphError: when the graph does not run; nothing is written then.
    """
    not_run = check_runs(made.graph)
    if path is not None:
        save_graph(made.graph, path)
    return not_run


def freeze_graph(
    graph: Graph,
    checkpoint: str | Path | None,
    inputs: Sequence[str],
    outputs: Sequence[str],
    settings: Settings = DEFAULTS,
) -> Frozen:
    """Freeze a graph with the values of a checkpoint.

    Raises:
        GraphError: when a name is not in the graph, or a variable has no value of its shape and dtype.
    """
    if not outputs:
        raise GraphError("no output names were given; name the outputs that the frozen graph shall keep")
    graph = graph.with_ends(inputs, outputs)
    cut = graph.without_dead_nodes()
    variables = variables_of(cut, [*cut.inputs, *cut.outputs])
    chosen = _chosen(graph, variables, settings)
    if not chosen:
        return Frozen(_tidy(cut, settings))
    if checkpoint is None:
        listed = f"{len(variables)} variables ({variables[0].name!r} ...)"
        raise GraphError(f"the outputs need {listed} and no checkpoint was given; give the one they were saved in")
    restorer = Restorer(graph, Checkpoint(checkpoint), settings.restore_op)
    values = restorer.values(chosen, may_miss=bool(settings.initializers))
    names = tuple(node.name for node in chosen)
    return Frozen(_tidy(_convert(graph, values, names, settings.initializers), settings), names)


def _chosen(graph: Graph, variables: Sequence[Node], settings: Settings) -> list[Node]:
    """The variables to convert."""
    known = [node.name for node in graph.nodes.values() if node.op in VARIABLES]
    for name in (*settings.only, *settings.never):
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
            hint = f"; near names: {', '.join(near)}" if near else ""
            raise GraphError(f"{name!r} is none of the graph's {len(known)} variables{hint}")
    allowed = settings.only or known
    return [node for node in variables if node.name in allowed and node.name not in settings.never]


def _convert(graph: Graph, values: Mapping[str, Array], chosen: Sequence[str], initializers: Sequence[str]) -> Graph:
    """Constants for variables: by substitution, or by TensorFlow where functions read them or nodes must run first."""
    cut = graph.without_dead_nodes()
    if initializers:
        graph.with_ends([], initializers)
        return convert_in_session(graph, values, initializers=initializers, convert=chosen)
    try:
        return substitute(cut, values)
    except Miss:
        return convert_in_session(cut, values, convert=chosen)


def _tidy(graph: Graph, settings: Settings) -> Graph:
    """The graph without what freezing made meaningless: colocation with variables, unused functions, devices."""
    nodes = (
        replace(
            node,
            device="" if settings.clear_devices else node.device,
            attrs={key: value for key, value in node.attrs.items() if key != "_class"},
        )
        for node in graph.nodes.values()
    )
    return without_unused_functions(graph.with_nodes(nodes))


def freeze_saved_model(
    folder: Path, inputs: Sequence[str], outputs: Sequence[str], settings: Settings = DEFAULTS
) -> Frozen:
    """Freeze a signature of a SavedModel.

    What TensorFlow 1 wrote keeps its node names. What TensorFlow 2 wrote takes the signature's keys as the names of
    inputs and outputs; an output may also be called by the tensor that the signature names.

    Raises:
        GraphError: as `freeze_graph` does, or when the model has no such signature or tags.
    """
    found = read_saved_model(folder, settings.tags)
    if found.from_objects:
        return _freeze_signature(folder, *found.signature(settings.signature), inputs, outputs, settings)
    if not outputs:
        outputs = [info.name for info in found.signature(settings.signature)[1].outputs.values()]
    restoring = replace(settings, restore_op=found.restore_op)
    checkpoint = folder / "variables" / "variables"
    return freeze_graph(found.graph, checkpoint, inputs, outputs, restoring)


def _freeze_signature(
    folder: Path,
    key: str,
    signature: Signature,
    inputs: Sequence[str],
    outputs: Sequence[str],
    settings: Settings,
) -> Frozen:
    from octavo.runtime.functions import saved_model_function

    function = saved_model_function(folder, key, settings.tags)
    keys = {info.name: key for key, info in signature.outputs.items() if ":" not in info.name}
    wanted = [name for name in map(canonical, outputs) if name in keys and name not in function.graph.nodes]
    graph = _with_names(function.graph, {keys[name]: name for name in wanted})
    return _freeze_function(graph, function.variables, inputs, outputs, settings)


def freeze_keras(file: Path, inputs: Sequence[str], outputs: Sequence[str], settings: Settings = DEFAULTS) -> Frozen:
    """Freeze the inference of a Keras file; inputs and outputs are named by their layers.

    Raises:
        GraphError: when Keras cannot load the file, or a name is not in its graph.
    """
    from octavo.runtime.functions import keras_function

    function = keras_function(file)
    return _freeze_function(function.graph, function.variables, inputs, outputs, settings)


def _freeze_function(
    graph: Graph,
    variables: frozenset[str],
    inputs: Sequence[str],
    outputs: Sequence[str],
    settings: Settings,
) -> Frozen:
    """The part of a function's graph, frozen already, that the outputs need."""
    if settings.only or settings.never or settings.initializers:
        raise GraphError("the variables of a TensorFlow 2 model are converted all: name none to keep or to initialize")
    cut = graph.with_ends(inputs or graph.inputs, outputs or graph.outputs).without_dead_nodes()
    return Frozen(_tidy(cut, settings), tuple(name for name in cut.nodes if name in variables))


def _with_names(graph: Graph, names: Mapping[str, str]) -> Graph:
    """The graph with some outputs, which nothing reads, renamed."""
    if not names:
        return graph
    nodes = (replace(node, name=names.get(node.name, node.name)) for node in graph.nodes.values())
    bare = replace(graph, outputs=()).with_nodes(nodes)
    return bare.with_ends(graph.inputs, [names.get(name, name) for name in graph.outputs])
