"""`octavo freeze_graph`: TensorFlow's freeze_graph, flag for flag, for Keras files too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from octavo.errors import SpecError
from octavo.graph.meta_graph import read_meta_graph, read_restore_op
from octavo.graph.proto import load_graph
from octavo.model import KERAS_SUFFIXES
from octavo.options import COMMA_LIST, OPTIONAL_PATH, Bool

if TYPE_CHECKING:
    from octavo.freeze_graph.freeze import Frozen

UNUSED = "Accepted and not used, as in TensorFlow's tool."


@click.command("freeze-graph")
@click.option("--input-graph", type=OPTIONAL_PATH, help="GraphDef file, binary or text; or a Keras file.")
@click.option("--input-saver", type=OPTIONAL_PATH, help="SaverDef file, binary or text.")
@click.option("--input-checkpoint", type=OPTIONAL_PATH, help="Checkpoint prefix, V1 or V2.")
@click.option("--checkpoint-version", type=click.Choice(["1", "2"]), default="2", help="Accepted; found out.")
@click.option("--output-graph", type=OPTIONAL_PATH, help="File to write; nothing is written when it is left out.")
@click.option("--input-binary", cls=Bool, default=False, help="Accepted; binary or text is found out.")
@click.option("--output-node-names", type=COMMA_LIST, default="", help="Outputs to keep, separated by commas.")
@click.option("--input-node-names", type=COMMA_LIST, default="", help="Inputs to keep, needed or not.")
@click.option("--restore-op-name", default="save/restore_all", help=UNUSED)
@click.option("--filename-tensor-name", default="save/Const:0", help=UNUSED)
@click.option("--clear-devices", cls=Bool, default=True, help="Take the nodes off the devices they are assigned to.")
@click.option("--initializer-nodes", type=COMMA_LIST, default="", help="Nodes to run after the variables are restored.")
@click.option("--variable-names-whitelist", type=COMMA_LIST, default="", help="Convert only these variables.")
@click.option(
    "--variable-names-denylist",
    "--variable-names-blacklist",
    "variable_names_denylist",
    type=COMMA_LIST,
    default="",
    help="Do not convert these variables.",
)
@click.option("--input-meta-graph", type=OPTIONAL_PATH, help="MetaGraphDef file, binary or text.")
@click.option("--input-saved-model-dir", type=OPTIONAL_PATH, help="SavedModel folder.")
@click.option("--saved-model-tags", type=COMMA_LIST, default="serve", help="Tags of the SavedModel's meta graph.")
@click.option("--signature", default="", help="Signature of the SavedModel; serving_default when left out.")
def command(output_graph: Path | None, **options: Any) -> None:
    """Turn the variables of a graph into constants and keep only what the outputs need.

    The graph is --input-graph or --input-meta-graph with --input-checkpoint, or --input-saved-model-dir alone, or a
    Keras file. The frozen graph is run once before it is written, as a binary GraphDef.
    """
    from octavo.freeze_graph.freeze import write_frozen

    frozen = _freeze(options)
    not_run = write_frozen(frozen, output_graph)
    target = f"written to {output_graph}" if output_graph else "not written: no --output_graph was given"
    click.echo(f"{len(frozen.converted)} variables converted; {len(frozen.graph.nodes)} nodes {target}")
    if not_run:
        click.echo(f"note: the frozen graph was loaded, but not run: {not_run}", err=True)


def _freeze(options: dict[str, Any]) -> Frozen:
    from octavo.freeze_graph import freeze

    ends = options["input_node_names"], options["output_node_names"]
    graph, restore_op = None, ""
    if options["input_meta_graph"]:
        meta = read_meta_graph(options["input_meta_graph"])
        graph, restore_op = meta.graph, meta.restore_op
    if options["input_saver"]:
        restore_op = read_restore_op(options["input_saver"])
    settings = freeze.Settings(
        restore_op=restore_op,
        initializers=options["initializer_nodes"],
        only=options["variable_names_whitelist"],
        never=options["variable_names_denylist"],
        clear_devices=options["clear_devices"],
        signature=options["signature"],
        tags=options["saved_model_tags"],
    )
    if folder := options["input_saved_model_dir"]:
        return freeze.freeze_saved_model(folder, *ends, settings)
    file = options["input_graph"]
    if graph is None and file is None:
        raise SpecError("no graph was given; give --input-graph, --input-meta-graph or --input-saved-model-dir")
    if graph is None and file.suffix.lower() in KERAS_SUFFIXES:
        return freeze.freeze_keras(file, *ends, settings)
    return freeze.freeze_graph(graph or load_graph(file), options["input_checkpoint"], *ends, settings)
