"""The KFP component of summarize_graph."""

from kfp import dsl

from octavo.component import component


@component
def summarize_graph(
    *,
    model: dsl.Input[dsl.Model],
    input_names: str = "",
    output_names: str = "",
    summary: dsl.Output[dsl.Artifact],
) -> None:
    """List a model's inputs, outputs, ops and parameters, and settle which inputs and outputs the later steps use.

    Args:
        model: A model that fetch_model copied.
        input_names: Names of the inputs, separated by commas; found when empty.
        output_names: Names of the outputs, separated by commas; found when empty.
        summary: The summary as JSON, with the names given or found.
    """
    from pathlib import Path

    import click

    from octavo.options import read_comma_list
    from octavo.summarize_graph.summarize import summarize_model

    found = summarize_model(Path(model.path), read_comma_list(input_names), read_comma_list(output_names))
    for note in found.notes:
        click.echo(note)
    found.write(summary.path)
    found.ends()
