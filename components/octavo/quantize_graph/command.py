"""`octavo quantize_graph`, with the flags of Intel's quantize_graph.py."""

from __future__ import annotations

from pathlib import Path

import click

from octavo.errors import SpecError
from octavo.options import COMMA_LIST, Bool

MODES = ("round", "quantize", "eightbit", "weights", "weights_rounded")


@click.command("quantize-graph")
@click.option("--input", "source", required=True, type=click.Path(path_type=Path), help="The optimized float graph.")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Where the dynamic-range graph goes.")
@click.option("--output-node-names", required=True, type=COMMA_LIST, help="The graph's outputs, separated by commas.")
@click.option("--input-node-names", default="", type=COMMA_LIST, help="The graph's inputs; found when left out.")
@click.option("--mode", default="eightbit", show_default=True, type=click.Choice(MODES), help="What to do.")
@click.option("--intel-cpu-eightbitize", cls=Bool, default=True, show_default=True, help="Use oneDNN's INT8 kernels.")
@click.option(
    "--per-channel", cls=Bool, default=None, help="One weight scale for each output channel; overrides the recipe."
)
@click.option("--excluded-ops", default="", type=COMMA_LIST, help="Op types that stay FP32, added to the recipe's.")
@click.option("--excluded-nodes", default="", type=COMMA_LIST, help="Node names that stay FP32, added to the recipe's.")
@click.option(
    "--recipe", "recipe_file", default=None, type=click.Path(path_type=Path), help="The recipe, YAML or JSON."
)
@click.option("--decisions", default=None, type=click.Path(path_type=Path), help="Where the list of verdicts goes.")
def command(
    source: Path,
    output: Path,
    output_node_names: tuple[str, ...],
    input_node_names: tuple[str, ...],
    mode: str,
    intel_cpu_eightbitize: bool,
    per_channel: bool | None,
    excluded_ops: tuple[str, ...],
    excluded_nodes: tuple[str, ...],
    recipe_file: Path | None,
    decisions: Path | None,
) -> None:
    """Turn an optimized float graph into a dynamic-range INT8 graph, and say what stays FP32.

    The verdicts are printed, and written as JSON beside the graph (OUTPUT.decisions.json) or where --decisions says.
    """
    from octavo.quantize_graph.quantize import quantize_file
    from octavo.recipe import load_recipe

    if mode != "eightbit" or not intel_cpu_eightbitize:
        raise SpecError(
            f"--mode={mode} --intel_cpu_eightbitize={intel_cpu_eightbitize} is not supported; "
            "wanted --mode=eightbit --intel_cpu_eightbitize=True"
        )
    recipe = load_recipe(recipe_file).with_exclusions(excluded_ops, excluded_nodes)
    if per_channel is not None:
        recipe = recipe.model_copy(update={"per_channel": per_channel})
    verdicts = decisions or output.with_name(output.name + ".decisions.json")
    found = quantize_file(source, output, verdicts, recipe=recipe, inputs=input_node_names, outputs=output_node_names)
    for decision in found:
        click.echo(decision.line())
