"""`octavo transform_graph`, with the flags of TensorFlow's tool of that name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from octavo.errors import SpecError
from octavo.files import expanded
from octavo.notes import shown
from octavo.options import COMMA_LIST, NEEDED_PATH, Bool


def _answer(make: Callable[[click.Context, str], str]) -> Callable[[click.Context, click.Parameter, Any], None]:
    """A callback for an option that prints an answer instead of running the command."""

    def callback(context: click.Context, _: click.Parameter, value: Any) -> None:
        if value is not None and value is not False and not context.resilient_parsing:
            click.echo(make(context, value))
            context.exit()

    return callback


def _list(_: click.Context, __: str) -> str:
    from octavo.transform_graph.documentation import transform_list

    return transform_list()


def _help(context: click.Context, name: str) -> str:
    from octavo.transform_graph.documentation import transform_help

    return transform_help(name) if name else context.get_help()


NO_NAME = ""
"""What `--help` stands for without a transform's name."""


@click.command("transform-graph", add_help_option=False)
@click.option("--in-graph", required=True, type=NEEDED_PATH, help="The GraphDef file to read, binary or text.")
@click.option("--out-graph", required=True, type=NEEDED_PATH, help="The GraphDef file to write.")
@click.option("--inputs", default="", type=COMMA_LIST, help="Input tensors, separated by commas.")
@click.option("--outputs", default="", type=COMMA_LIST, help="Output tensors, separated by commas.")
@click.option(
    "--transforms",
    default="",
    help="The transforms, e.g. 'fold_constants fold_batch_norms'; @FILE reads them from a file.",
)
@click.option("--transforms-file", default=None, type=NEEDED_PATH, help="A file that holds the transforms.")
@click.option(
    "--decisions",
    default=None,
    type=NEEDED_PATH,
    help="What quantize_graph decided; with what is left in float it goes to OUT_GRAPH.decisions.json.",
)
@click.option("--output-as-text", cls=Bool, default=False, help="Write protobuf's text form.")
@click.option(
    "--list", is_flag=True, is_eager=True, expose_value=False, callback=_answer(_list), help="List every transform."
)
@click.option(
    "-h",
    "--help",
    "help_on",
    metavar="[NAME]",
    is_flag=False,
    flag_value=NO_NAME,
    is_eager=True,
    expose_value=False,
    callback=_answer(_help),
    help="Show this message, or document one transform.",
)
def command(
    in_graph: Path,
    out_graph: Path,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    transforms: str,
    transforms_file: Path | None,
    decisions: Path | None,
    output_as_text: bool,
) -> None:
    """Apply a list of transforms to a graph.

    The list names transforms, with parameters in parentheses: 'remove_nodes(op=Identity, op=CheckNumerics)
    fold_constants(ignore_errors=true)'. Blanks and line ends separate; values with blanks, commas or quotes go in
    double quotes. The result is written when every transform has succeeded and TensorFlow takes it.
    """
    from octavo.transform_graph.transform import transform_file
    from octavo.transform_graph.verdicts import settle

    if transforms_file is not None:
        if transforms:
            raise SpecError("--transforms and --transforms-file are both given; wanted one of them")
        transforms = _read(transforms_file)
    elif transforms.startswith("@"):
        transforms = _read(Path(transforms[1:]))
    with shown():
        outcome = transform_file(
            in_graph, out_graph, transforms, inputs=inputs, outputs=outputs, as_text=output_as_text
        )
        if decisions is not None:
            settle(decisions, outcome, out_graph.with_name(f"{out_graph.name}.decisions.json"))


def _read(path: Path) -> str:
    try:
        return expanded(path).read_text()
    except (OSError, UnicodeDecodeError) as fault:
        raise SpecError(f"the transforms file {str(path)!r} cannot be read: {fault}") from fault
