"""`octavo quantize_graph`, with the flags of Intel's and TensorFlow's quantize_graph.py."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from octavo.generic_eightbit.flags import MODES, Route, check_flags, fallback_range, input_range, route_of
from octavo.notes import shown
from octavo.options import COMMA_LIST, NEEDED_PATH, OPTIONAL_PATH, Bool

if TYPE_CHECKING:
    from octavo.documents.decisions import Decision
    from octavo.generic_eightbit.write import Change

UNUSED = "Accepted and not used, as in the original."
DYNAMIC = "; means something with --mode=eightbit --intel_cpu_eightbitize=False."


@click.command("quantize-graph")
@click.option("--input", "source", required=True, type=NEEDED_PATH, help="The optimized float graph.")
@click.option("--output", required=True, type=NEEDED_PATH, help="Where the changed graph goes.")
@click.option("--output-node-names", required=True, type=COMMA_LIST, help="The graph's outputs, separated by commas.")
@click.option("--input-node-names", default="", type=COMMA_LIST, help="The graph's inputs; found when left out.")
@click.option("--input-binary", cls=Bool, default=True, help="Accepted; binary or text is found out.")
@click.option("--output-binary", cls=Bool, default=True, help="Write the graph as binary, or as text.")
@click.option(
    "--mode",
    metavar=f"[{'|'.join(MODES)}]",
    help="eightbit: compute in eight bits; weights: store weights in eight bits; weights_rounded: round them. "
    "Default: eightbit with oneDNN's kernels.",
)
@click.option(
    "--intel-cpu-eightbitize",
    cls=Bool,
    default=None,
    help="Of eightbit: use oneDNN's kernels, not TensorFlow's generic ops. Default: true without --mode, else false.",
)
@click.option(
    "--per-channel", cls=Bool, default=None, help="One weight scale for each output channel; overrides the recipe."
)
@click.option("--excluded-ops", default="", type=COMMA_LIST, help="Op types that stay FP32, added to the recipe's.")
@click.option("--excluded-nodes", default="", type=COMMA_LIST, help="Node names that stay FP32, added to the recipe's.")
@click.option("--recipe", type=OPTIONAL_PATH, help="The recipe, YAML or JSON.")
@click.option("--decisions", type=OPTIONAL_PATH, help="Where the list of verdicts goes.")
@click.option("--bitdepth", default=8, show_default=True, help="Of weights_rounded: 2^bitdepth different numbers.")
@click.option("--quantized-input", cls=Bool, default=False, help=f"Placeholders are fed quint8 codes{DYNAMIC}")
@click.option("--quantized-input-min", default=0.0, show_default=True, help="What code 0 of those stands for.")
@click.option("--quantized-input-max", default=1.0, show_default=True, help="What code 255 of those stands for.")
@click.option("--quantized-fallback-min", type=float, help=f"With the next: a range instead of measured ones{DYNAMIC}")
@click.option("--quantized-fallback-max", type=float, help="The range's other end.")
@click.option("--strip-redundant-quantization", cls=Bool, default=True, help=f"Hand codes on from op to op{DYNAMIC}")
@click.option("--model-name", default="", help="Accepted; no model needs exceptions of its own here.")
@click.option("--print-nodes", cls=Bool, default=False, help=UNUSED)
@click.option("--test-input-dims", default="1,224,224,3", help=UNUSED)
def command(**flags: Any) -> None:
    """Turn an optimized float graph into a dynamic-range INT8 graph, and say what stays FP32.

    The verdicts are printed, and written as JSON beside the graph (OUTPUT.decisions.json) or where --decisions says.
    """
    route = route_of(flags["mode"], flags["intel_cpu_eightbitize"])
    check_flags(route, flags)
    verdicts = flags["decisions"] or flags["output"].with_name(flags["output"].name + ".decisions.json")
    if flags["model_name"]:
        click.echo(f"note: --model_name={flags['model_name']} changes nothing: octavo decides by the graph", err=True)
    found = _quantize(flags, verdicts) if route == "onednn" else _change(route, flags, verdicts)
    for decision in found:
        click.echo(decision.line())


def _quantize(flags: dict[str, Any], verdicts: Path) -> list[Decision]:
    """The dynamic-range graph for oneDNN's kernels."""
    from octavo.quantize_graph.quantize import quantize_file
    from octavo.recipe import load_recipe

    recipe = load_recipe(flags["recipe"]).with_exclusions(flags["excluded_ops"], flags["excluded_nodes"])
    if flags["per_channel"] is not None:
        recipe = recipe.model_copy(update={"per_channel": flags["per_channel"]})
    with shown():
        return quantize_file(
            flags["source"],
            flags["output"],
            verdicts,
            recipe=recipe,
            inputs=flags["input_node_names"],
            outputs=flags["output_node_names"],
            as_text=not flags["output_binary"],
        )


def _change(route: Route, flags: dict[str, Any], verdicts: Path) -> list[Decision]:
    """The graph of another mode."""
    from octavo.generic_eightbit.write import change_file

    change, options = _change_of(route, flags)
    found, not_run = change_file(
        flags["source"],
        flags["output"],
        verdicts,
        change,
        inputs=flags["input_node_names"],
        outputs=flags["output_node_names"],
        options=options,
        as_text=not flags["output_binary"],
    )
    if not_run:
        click.echo(f"note: the graph was loaded, but not run: {not_run}", err=True)
    return found


def _change_of(route: Route, flags: dict[str, Any]) -> tuple[Change, dict[str, Any]]:
    """What a mode does to a graph, and what the verdicts' file says of it."""
    from octavo.generic_eightbit import generic, plan, weights

    if route == "weights":
        return weights.quantize_weights, {"mode": route}
    if route == "weights_rounded":
        bits = flags["bitdepth"]
        return lambda graph: weights.round_weights(graph, bits), {"mode": route, "bitdepth": bits}
    settings = plan.Settings(
        input_range=input_range(flags),
        fallback_range=fallback_range(flags),
        excluded_ops=flags["excluded_ops"],
        excluded_nodes=flags["excluded_nodes"],
        strip=flags["strip_redundant_quantization"],
    )
    return lambda graph: generic.quantize_generic(graph, settings), {"mode": "eightbit", **asdict(settings)}
