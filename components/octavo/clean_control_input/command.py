"""`octavo clean_control_input`, with the flags of Intel's clean_control_input.py."""

from __future__ import annotations

from pathlib import Path

import click

from octavo.notes import shown
from octavo.options import NEEDED_PATH, Bool


@click.command("clean-control-input")
@click.option("--input", "source", required=True, type=NEEDED_PATH, help="The GraphDef file to read.")
@click.option("--input-binary", cls=Bool, default=True, help="Accepted; binary or text is found out.")
@click.option("--output", required=True, type=NEEDED_PATH, help="The GraphDef file to write.")
@click.option("--output-binary", cls=Bool, default=True, help="Write the graph as binary, or as text.")
def command(source: Path, input_binary: bool, output: Path, output_binary: bool) -> None:
    """Drop the control edges of a graph, as the transform remove_control_dependencies does.

    Those that keep a node in a loop or in a branch of a conditional stay.
    """
    from octavo.clean_control_input.clean import clean_file

    del input_binary
    with shown():
        clean_file(source, output, as_text=not output_binary)
