"""`octavo report`: the HTML page and the JSON summary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console

FILE = click.Path(path_type=Path)


@click.command("report")
@click.option("--summary", type=FILE, required=True, help="What summarize_graph wrote.")
@click.option("--decisions", type=FILE, required=True, help="What quantize_graph wrote.")
@click.option("--fp32-graph", type=FILE, required=True, help="The optimized FP32 graph.")
@click.option("--int8-graph", type=FILE, required=True, help="The INT8 graph.")
@click.option("--fp32-evaluation", type=FILE, help="The FP32 graph's accuracy.")
@click.option("--int8-evaluation", type=FILE, help="The INT8 graph's accuracy.")
@click.option("--benchmark", type=FILE, help="What benchmark wrote.")
@click.option("--model", type=FILE, help="The folder that fetch_model filled.")
@click.option("--log", type=FILE, help="The merged min/max log.")
@click.option("--tolerance", default=1.0, show_default=True, help="Points of top-1 that INT8 may lose.")
@click.option("--html", type=FILE, required=True, help="File for the page.")
@click.option("--summary-json", type=FILE, required=True, help="File for the same figures as JSON.")
def command(**options: Any) -> None:
    """Put accuracy, speed, size and what stayed FP32 on one page, and into one JSON file."""
    from octavo.report.report import write_report
    from octavo.report.table import table

    Console().print(table(write_report(**options)))
