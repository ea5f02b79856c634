"""`octavo benchmark`: time the FP32 and the INT8 graph in alternation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from octavo.errors import SpecError
from octavo.options import COMMA_LIST

if TYPE_CHECKING:
    from octavo.documents.timings import Timings


@click.command("benchmark")
@click.option("--fp32-graph", type=click.Path(path_type=Path), required=True, help="The FP32 graph.")
@click.option("--int8-graph", type=click.Path(path_type=Path), required=True, help="The INT8 graph.")
@click.option("--inputs", type=COMMA_LIST, required=True, help="Tensors to feed.")
@click.option("--outputs", type=COMMA_LIST, required=True, help="Tensors to fetch.")
@click.option("--batch-sizes", type=COMMA_LIST, default="1,32", show_default=True, help="Images in one run.")
@click.option("--seconds", default=0.5, show_default=True, help="How long each graph runs in a round.")
@click.option("--rounds", default=6, show_default=True, help="Rounds at each batch size.")
@click.option("--threads", default=0, help="Threads that one op may use; TensorFlow's choice when left out.")
@click.option("--in-caller", is_flag=True, help="Run ops in the calling thread, the setting for short latencies.")
@click.option("--input-shape", type=COMMA_LIST, default="", help="Shape of one example, e.g. 224,224,3.")
@click.option("--output", type=click.Path(path_type=Path), help="File for the result, as JSON.")
def command(
    *,
    fp32_graph: Path,
    int8_graph: Path,
    output: Path | None,
    batch_sizes: tuple[str, ...],
    input_shape: tuple[str, ...],
    **options: Any,
) -> None:
    """Time the FP32 and the INT8 graph on the same random input, round by round in alternation.

    A graph whose placeholder fixes the batch is timed at that batch alone.
    """
    from octavo.benchmark.benchmark import benchmark_graphs

    shape = _numbers("--input-shape", input_shape) or None
    sizes = _numbers("--batch-sizes", batch_sizes)
    result = benchmark_graphs(fp32_graph, int8_graph, batch_sizes=sizes, input_shape=shape, **options)
    Console().print(table(result))
    if output is not None:
        result.write(output)


def table(result: Timings) -> Table:
    """The result as a table for the terminal."""
    machine = result.machine
    settings = ", ops in the calling thread" if result.in_caller else ""
    instructions = " and ".join(machine.int8_instructions) or "no INT8 instructions"
    made = Table(
        title=f"{machine.cpu}, {instructions}, {machine.threads} threads, TensorFlow {machine.tensorflow}{settings}",
        caption=f"The graphs fix the batch at {result.fixed_batch}." if result.fixed_batch else None,
    )
    for heading in ("batch", "graph", "images/s", "quartiles", "ms p50", "ms p90", "INT8 : FP32"):
        made.add_column(heading, justify="right")
    for entry in result.batches:
        for name, speed in (("FP32", entry.fp32), ("INT8", entry.int8)):
            low, high = speed.images_per_second_quartiles
            made.add_row(
                str(entry.batch),
                name,
                f"{speed.images_per_second:,.1f}",
                f"{low:,.1f} - {high:,.1f}",
                f"{speed.latency_ms_p50:.2f}",
                f"{speed.latency_ms_p90:.2f}",
                f"{entry.ratio:.2f}x" if name == "INT8" else "",
            )
    return made


def _numbers(flag: str, entries: tuple[str, ...]) -> tuple[int, ...]:
    try:
        return tuple(int(entry) for entry in entries)
    except ValueError:
        raise SpecError(f"{flag} {','.join(entries)!r} is no list of whole numbers such as 1,32") from None
