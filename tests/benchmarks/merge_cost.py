"""Merge a min/max log of ten million lines: seconds, and memory at its highest.

.venv/bin/python tests/benchmarks/merge_cost.py
"""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np

from octavo.merge_min_max_logs.merge import merge_logs
from octavo.ranges.log_records import format_ranges

NODES = 100
PREFIX = "2024-01-08 21:45:42.123456: I tensorflow/core/kernels/logging_ops.cc:79] "
"""What a logger puts in front of each record of captured standard error."""


def write_log(path: Path, lines: int, prefix: str) -> None:
    """Write records of many nodes, each batch's one after the other, as programs do."""
    rng = np.random.default_rng(0)
    batches = lines // NODES
    columns = [
        format_ranges(
            f"resnet/block{node // 10}/conv{node % 10}/Conv2D_eightbit_requant_range",
            -np.abs(rng.normal(size=batches)).astype(np.float32) * (node % 2),
            np.abs(rng.normal(size=batches)).astype(np.float32),
            np.full(batches, -1),
        )
        for node in range(NODES)
    ]
    with path.open("w") as file:
        for records in zip(*columns, strict=True):
            file.writelines(prefix + record for record in records)


def _merge(log: str) -> None:
    begin = time.perf_counter()
    merge_logs([Path(log)], Path(f"{log}.merged"))
    status = Path("/proc/self/status").read_text()  # getrusage's figure begins with that of the process that started it
    peak = int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6
    click.echo(f"{time.perf_counter() - begin:.1f} s, of processor time {time.process_time():.1f} s, {peak:.0f} MB")


@click.command()
@click.option("--lines", default=10_000_000, show_default=True, help="Records in the log.")
@click.option("--merge", help="Merge this log and say what it took; the command itself calls it so.")
def main(lines: int, merge: str | None) -> None:
    """Write logs, and merge each in a process of its own."""
    if merge:
        _merge(merge)
        return
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log.txt")
        for name, prefix in (("plain records", ""), ("captured standard error", PREFIX)):
            write_log(log, lines, prefix)
            click.echo(f"{name}, {log.stat().st_size / 1e6:.0f} MB:")
            subprocess.run([sys.executable, __file__, f"--merge={log}"], check=True)
        with log.open("rb") as plain, gzip.open(f"{log}.gz", "wb", compresslevel=1) as packed:
            shutil.copyfileobj(plain, packed)
        click.echo("the same, compressed by gzip:")
        subprocess.run([sys.executable, __file__, f"--merge={log}.gz"], check=True)


if __name__ == "__main__":
    main()
