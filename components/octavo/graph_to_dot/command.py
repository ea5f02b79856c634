"""`octavo graph_to_dot`, with the flags of Intel's graph_to_dot.py."""

from __future__ import annotations

from pathlib import Path

import click

from octavo.options import NEEDED_PATH, Bool


@click.command("graph-to-dot")
@click.option("--graph", required=True, type=NEEDED_PATH, help="The GraphDef file to read.")
@click.option("--dot-output", required=True, type=NEEDED_PATH, help="The DOT file to write.")
@click.option("--input-binary", cls=Bool, default=True, help="Accepted; binary or text is found out.")
def command(graph: Path, dot_output: Path, input_binary: bool) -> None:
    """Draw a graph as a DOT file: `dot -Tsvg graph.dot` makes a picture of it."""
    from octavo.graph_to_dot.draw import graph_to_dot

    del input_binary
    graph_to_dot(graph, dot_output)
    click.echo(f"Created DOT file '{dot_output}'.")
