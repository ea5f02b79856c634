"""The `octavo` command: one sub-command a step, each imported only when it is called."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from octavo import __version__
from octavo.errors import OctavoError
from octavo.runtime.supervisor import supervise

COMMANDS = {
    "quantize": ("octavo.quantize.command", "Quantize a whole model in one process."),
    "fetch-model": ("octavo.fetch_model.command", "Copy a model from object storage and record its checksum."),
    "summarize-graph": ("octavo.summarize_graph.command", "Print a graph's inputs, outputs, ops and parameters."),
    "freeze-graph": ("octavo.freeze_graph.command", "Turn variables into constants."),
    "transform-graph": ("octavo.transform_graph.command", "Apply a list of transforms to a graph."),
    "quantize-graph": ("octavo.quantize_graph.command", "Turn an optimized graph into a dynamic-range INT8 graph."),
    "graph-to-dot": ("octavo.graph_to_dot.command", "Draw a graph for Graphviz."),
    "clean-control-input": ("octavo.clean_control_input.command", "Drop the control edges of a graph."),
    "explain": ("octavo.explain.command", "Say what became INT8, what did not, and why."),
    "plan-shards": ("octavo.plan_shards.command", "Split a data set into shards of whole batches."),
    "calibrate": ("octavo.calibrate.command", "Run a shard through the logged graph and write its min/max log."),
    "merge-min-max-logs": ("octavo.merge_min_max_logs.command", "Merge min/max logs into one."),
    "evaluate": ("octavo.evaluate.command", "Measure a graph's top-1 and top-5 on a labelled data set."),
    "benchmark": ("octavo.benchmark.command", "Time the FP32 and the INT8 graph in alternation."),
    "report": ("octavo.report.command", "Write the HTML report and the JSON summary."),
    "publish-model": ("octavo.publish_model.command", "Copy an INT8 model to its target if it is accurate enough."),
    "run-component": ("octavo.run_component.command", "Run a KFP component on local files, as Argo's pods do."),
    "run-shard": ("octavo.indexed_job.command", "Run one shard of a step, as the pods of an Indexed Job do."),
    "lint-pipeline": ("octavo.lint_pipeline.command", "Say what in a compiled pipeline fails on a cluster."),
    "register": (
        "octavo.cluster.register.command",
        "Upload the pipeline to Kubeflow and keep its schedules.",
    ),
    "submit": ("octavo.cluster.submit.command", "Start a run on Kubeflow or Argo, follow it and fetch its result."),
    "doctor": ("octavo.cluster.doctor.command", "Check machine, object store and cluster before the first run."),
}
"""Command name -> the module whose `command` it is, and its line in `octavo --help`."""


class LazyGroup(click.Group):
    """A group that knows its commands' names and imports a command's module when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the steps."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(COMMANDS[cmd_name][0]).command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def _dashes(name: str) -> str:
    """Underscores and dashes are the same in commands and flags: Intel's tools spell --in_graph."""
    return name.replace("_", "-")


@click.group(cls=LazyGroup, context_settings={"token_normalize_func": _dashes, "help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="octavo")
def cli() -> None:
    """Turn trained FP32 TensorFlow graphs into INT8 graphs for CPUs.

    Commands and flags may be written with dashes or underscores, and flags as --flag=value or --flag value.
    """


def main(args: list[str] | None = None) -> Any:
    """Run the command line; bad input ends in one sentence on standard error and exit status 2.

    Args:
        args: the command line; this process's own where left out, which then runs in a child, see `supervise`.
    """
    if args is None:
        supervise()
    try:
        cli.main(args, standalone_mode=True)
    except OctavoError as fault:
        click.echo(f"octavo: error: {fault}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
