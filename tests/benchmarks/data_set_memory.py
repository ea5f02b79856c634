"""Measure the memory of planning and calibrating data sets of 100 to 100,000 images.

    python tests/benchmarks/data_set_memory.py

Writes small images in every format, and runs `octavo plan-shards` and `octavo calibrate` on them in processes of their
own. Memory is that of the largest process: resident, at its highest.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

SIDE = 6
"""Pixels along each side of an image."""

SHARDS = 10


def pixels(count: int) -> Iterator[Any]:
    """Random images."""
    random = np.random.default_rng(0)
    for start in range(0, count, 1000):
        yield from random.integers(0, 256, (min(1000, count - start), SIDE, SIDE, 3), np.uint8)


def write_array(folder: Path, count: int) -> None:
    """One .npz file, not compressed."""
    np.savez(folder / "d.npz", x=np.stack(list(pixels(count))), y=np.zeros(count, np.int64))


def write_record_files(folder: Path, count: int) -> None:
    """Ten TFRecord files of encoded images."""
    from images import encoded
    from records import write_records

    png = encoded(next(pixels(1)))
    for part in range(10):
        rows = ({"image/encoded": png, "image/class/label": [1]} for _ in range(count // 10))
        write_records(folder / f"d-{part:05}-of-00010", rows)


def write_files(folder: Path, count: int) -> None:
    """Image files in class folders."""
    from images import encoded

    png = encoded(next(pixels(1)))
    for part in range(10):
        (folder / str(part)).mkdir()
        for number in range(count // 10):
            (folder / str(part) / f"image-{number:06}.png").write_bytes(png)


FORMATS: dict[str, Callable[[Path, int], None]] = {
    ".npz": write_array,
    "TFRecord": write_record_files,
    "image files": write_files,
}


@click.command()
@click.option("--counts", default="100,10000,100000", show_default=True, help="Images of each data set.")
@click.option("--write", type=(click.Choice(list(FORMATS)), int, click.Path(path_type=Path)), help="Used by itself.")
def main(counts: str, write: tuple[str, int, Path] | None) -> None:
    """Print a table: the peak memory of planning, of calibrating one of ten shards, and of calibrating all."""
    if write is not None:
        write_all(*write)
        return
    click.echo("| format | images | plan, MB | one shard, MB | all, MB | all, s |")
    click.echo("| --- | --- | --- | --- | --- | --- |")
    for name in FORMATS:
        for count in map(int, counts.split(",")):
            with tempfile.TemporaryDirectory() as place:
                click.echo(f"| {name} | {count:,} | {row(Path(place), name, count)} |")


def write_all(name: str, count: int, folder: Path) -> None:
    """Write a data set and a graph for it, in a process of its own: a child's peak is never below its parent's."""
    from logged import logged_graph
    from octavo.graph.proto import save_graph

    save_graph(logged_graph(), folder / "graph.pb")
    (folder / "data").mkdir()
    FORMATS[name](folder / "data", count)


def row(folder: Path, name: str, count: int) -> str:
    """Measure one data set."""
    subprocess.run([sys.executable, __file__, "--write", name, str(count), str(folder)], check=True)
    uri, plan = str(folder / "data"), str(folder / "plan")
    planned = octavo("plan-shards", "--dataset", uri, "--shards", str(SHARDS), "--manifest", plan)
    calibrate = ("calibrate", "--in-graph", str(folder / "graph.pb"), "--log", str(folder / "log"), "--dataset", plan)
    one = octavo(*calibrate, "--start", "0", "--stop", str(max(32, count // SHARDS // 32 * 32)))
    start = time.perf_counter()
    whole = octavo(*calibrate)
    seconds = time.perf_counter() - start
    return f"{planned:.0f} | {one:.0f} | {whole:.0f} | {seconds:.1f}"


def octavo(*arguments: str) -> float:
    """Run a command; the peak memory of its largest process, in 10^6 bytes."""
    command: Sequence[str] = (sys.executable, "-m", "octavo.cli", *arguments)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise click.ClickException(f"octavo {' '.join(arguments)} ended with {process.returncode}")
    return used.ru_maxrss * 1024 / 1e6


if __name__ == "__main__":
    main()
