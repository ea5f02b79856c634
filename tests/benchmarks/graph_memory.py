"""Measure the memory of the steps that read and write graphs, against the size of the model.

    python tests/benchmarks/graph_memory.py MODEL.pb ... [--made 100 --made 400]

Each step is octavo's command for it, in a process of its own. Memory is that of all its processes together at its
highest: what each has for itself, and the largest part that one shares with others. `--made` adds models of so many
megabytes, of square matrices.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import numpy as np

from octavo.graph import Graph, Node, const_node, save_graph
from octavo.graph.attrs import DType, TensorShape
from octavo.recipe import Recipe
from octavo.transform_graph import stages
from octavo.transform_graph.stages import Stage

PAUSE_SECONDS = 0.25
"""Between two looks at a step's memory."""

SIDE = 2048
"""Rows and columns of a matrix: 16 MiB in float32."""


@click.command()
@click.argument("models", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--made", multiple=True, type=int, metavar="MEGABYTES", help="A model of that size, made here.")
def main(models: tuple[Path, ...], made: tuple[int, ...]) -> None:
    """Print a table: for each model the peak memory of each step, in megabytes."""
    with tempfile.TemporaryDirectory() as folder:
        own = [_made(Path(folder, f"matrices-{size}.pb"), size) for size in made]
        for number, model in enumerate([*models, *own]):
            place = Path(folder, f"{number}")
            place.mkdir()
            peaks = {name: _peak(words) for name, words in _steps(model, place)}
            if not number:
                click.echo(f"| model | MB | {' | '.join(peaks)} |\n|{' --- |' * (len(peaks) + 2)}")
            figures = " | ".join(f"{peak / 1e6:.0f}" for peak in peaks.values())
            click.echo(f"| {model.stem} | {model.stat().st_size / 1e6:.1f} | {figures} |")


def _made(path: Path, megabytes: int) -> Path:
    """A frozen graph of products with random matrices, each behind a Relu."""
    nodes = [Node("x", "Placeholder", (), {"dtype": DType("float32"), "shape": TensorShape((None, SIDE))})]
    random = np.random.default_rng(0)
    for number in range(max(1, round(megabytes * 1e6 / (4 * SIDE * SIDE)))):
        weights = (random.standard_normal((SIDE, SIDE), np.float32) / SIDE**0.5).astype(np.float32)
        nodes.append(const_node(f"w{number}", weights))
        kind = {"T": DType("float32")}
        nodes.append(Node(f"product{number}", "MatMul", (nodes[-2].name, f"w{number}"), kind))
        nodes.append(Node(f"relu{number}", "Relu", (f"product{number}",), kind))
    save_graph(Graph({node.name: node for node in nodes}), path)
    return path


def _steps(model: Path, place: Path) -> Iterator[tuple[str, Sequence[str]]]:
    """The name and the words of each step's command, as the files of those before it come to be."""
    ends = json.loads(_run(["summarize_graph", f"--in_graph={model}", "--format=json"]))
    inputs, outputs = (",".join(ends[f"{what}_names"]) for what in ("input", "output"))
    shape = next(each["shape"] for each in ends["inputs"] if each["name"] == ends["input_names"][0])
    np.savez(place / "d.npz", x=np.zeros((10, *shape[1:]), np.float32))

    def transform(source: str, target: str, stage: Stage) -> list[str]:
        files = (f"--in_graph={place / source}", f"--out_graph={place / target}")
        transforms = " ".join(map(str, stage))
        return ["transform_graph", *files, f"--inputs={inputs}", f"--outputs={outputs}", f"--transforms={transforms}"]

    node_names = (f"--input_node_names={inputs}", f"--output_node_names={outputs}")
    yield "freeze", ["freeze_graph", f"--input_graph={model}", f"--output_graph={place / 'frozen'}", *node_names]
    yield "optimize", transform("frozen", "fp32", stages.OPTIMIZE)
    yield "quantize", ["quantize_graph", f"--input={place / 'fp32'}", f"--output={place / 'dynamic'}", *node_names]
    yield "insert logging", transform("dynamic", "logged", stages.INSERT_LOGGING)
    data = (f"--dataset={place / 'd.npz'}", "--preprocessing=raw", "--batch_size=10", f"--inputs={inputs}")
    yield "calibrate", ["calibrate", f"--in_graph={place / 'logged'}", f"--log={place / 'log'}", *data]
    yield "freeze ranges", transform("dynamic", "ranged", stages.freeze_ranges(place / "log", Recipe()))
    yield "fuse", transform("ranged", "int8", stages.fuse(Recipe()))


def _run(words: Sequence[str]) -> str:
    return subprocess.run([*_octavo(), *words], check=True, stdout=subprocess.PIPE, text=True).stdout


def _octavo() -> list[str]:
    return [sys.executable, "-m", "octavo.cli"]


def _peak(words: Sequence[str]) -> int:
    """The most bytes that a command and its processes had."""
    process = subprocess.Popen(
        [*_octavo(), *words], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    peak = 0
    while process.poll() is None:
        parts = [_memory(each) for each in _of_session(process.pid)]
        own, shared = sum(part[0] for part in parts), max((part[1] for part in parts), default=0)
        peak = max(peak, own + shared)
        time.sleep(PAUSE_SECONDS)
    if process.returncode:
        raise click.ClickException(f"{words[0]} failed: {process.stderr.read() if process.stderr else ''}")
    return peak


def _of_session(session: int) -> Iterator[int]:
    for each in Path("/proc").iterdir():
        if each.name.isdecimal():
            try:
                found = os.getsid(int(each.name))
            except OSError:
                continue
            if found == session:
                yield int(each.name)


def _memory(process: int) -> tuple[int, int]:
    """A process's own memory and what it shares with others, in bytes; nothing when it has gone."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return 0, 0
    found = {name: 1024 * int(amount.split()[0]) for name, _, amount in (line.partition(":") for line in lines)}
    own, shared = (found[f"{kind}_Clean"] + found[f"{kind}_Dirty"] for kind in ("Private", "Shared"))
    return own, shared


if __name__ == "__main__":
    main()
