"""`octavo summarize_graph`: TensorFlow's summarize_graph, for every kind of model."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from octavo.options import COMMA_LIST, NEEDED_PATH, Bool
from octavo.summarize_graph.text import human_readable, text

if TYPE_CHECKING:
    from octavo.documents.summary import Summary


@click.command("summarize-graph")
@click.option("-g", "--in-graph", required=True, type=NEEDED_PATH, help="Graph, checkpoint folder or model.")
@click.option("--print-structure", cls=Bool, default=False, help="Print every node too.")
@click.option("-b", "--input-binary", cls=Bool, default=False, help="Accepted; binary or text is found out.")
@click.option("--format", "shape", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--inputs", type=COMMA_LIST, default="", help="Names of the inputs; found when left out.")
@click.option("--outputs", type=COMMA_LIST, default="", help="Names of the outputs; found when left out.")
@click.option("--signature", default="", help="Signature of a SavedModel; serving_default when left out.")
def command(
    in_graph: Path,
    print_structure: bool,
    input_binary: bool,
    shape: str,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    signature: str,
) -> None:
    """Print the inputs, outputs, variables, parameters and ops of a model.

    The text is that of TensorFlow's summarize_graph; which inputs and outputs are likely, which outputs the later steps
    take, and why, the signatures, and the operations and bytes of each op type go to standard error. --in-graph takes a
    graph file, a folder with a graph and a checkpoint, a SavedModel folder or a Keras file.
    """
    from octavo.summarize_graph.structure import structure
    from octavo.summarize_graph.subject import read_subject
    from octavo.summarize_graph.summarize import summarize

    del input_binary  # TensorFlow's tool and this one try both forms
    subject = read_subject(in_graph, signature)
    summary = summarize(subject, inputs, outputs)
    if shape == "json":
        more = {"structure": list(structure(subject.graph))} if print_structure else {}
        click.echo(json.dumps(summary.model_dump(mode="json") | more, indent=2))
        return
    click.echo(text(summary), nl=False)
    if print_structure:
        sys.stdout.writelines(f"{line}\n" for line in structure(subject.graph))
    for line in hints(summary):
        click.echo(line, err=True)


def hints(summary: Summary) -> list[str]:
    """What the original does not tell: likely ends with the reason, what is taken, signatures, and what ops cost."""
    inputs = [f"likely input:  {end.name} ({end.reason})" for end in summary.inputs if end.likely]
    outputs = [f"likely output: {end.name} ({end.reason})" for end in summary.outputs if end.likely]
    outputs += [f"output too:    {end.name} ({end.reason})" for end in summary.outputs if end.taken and not end.likely]
    signatures = [
        f"signature {key}: {', '.join(found.inputs) or 'nothing'} -> {', '.join(found.outputs)}"
        for key, found in summary.signatures.items()
    ]
    costs = [
        f"{what}: {', '.join(f'{human_readable(count)} {op}' for op, count in counts.items())}"
        for what, counts in (
            ("operations for a batch of one", summary.flops),
            ("bytes of parameters", summary.parameter_bytes),
        )
        if counts
    ]
    return [*inputs, *outputs, *summary.notes, *signatures, *costs]
