"""How long calibration takes on 1 to 1,000 pods: a simulation over recorded times of batches.

    .venv/bin/python tests/benchmarks/makespan.py --seconds times.json

`times.json` is a list of seconds, one for each batch. mobilenet_batch_seconds.json stands in: the processor time of 29
batches of ten photographs, read, decoded and run through MobileNet v1 on one core. A pod first starts, then calibrates
its shard; one of a hundred dies half-way and is begun again. All pods run at once, and the merge waits for the last.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np

from octavo.data.shard import Shard

PODS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
BATCH = 10
RECORDED = Path(__file__).with_name("mobilenet_batch_seconds.json")


def makespan(batches: np.ndarray, pods: int, *, start: float, dying: float, rng: np.random.Generator) -> float:
    """Seconds until the last of the pods is done.

    Args:
        batches: seconds of each batch, float64 [batches].
        pods: how many there are; each has a shard of whole batches.
        start: seconds until a pod has its image, graph and first batch.
        dying: the share of pods that die half-way and are begun again.
        rng: says which.
    """
    ends = [shard.stop for shard in Shard(start=0, stop=len(batches)).parts(pods, 1)]
    work = np.array([part.sum() for part in np.split(batches, ends[:-1])])
    died = rng.random(len(work)) < dying
    return float(np.max(start + work + np.where(died, start + work / 2, 0)))


@click.command()
@click.option("--seconds", type=click.Path(exists=True, path_type=Path), default=RECORDED, help="Seconds of batches.")
@click.option("--images", default=50_000, show_default=True, help="Images to calibrate on.")
@click.option("--start", default=20.0, show_default=True, help="Seconds that a pod takes to start.")
@click.option("--dying", default=0.01, show_default=True, help="Share of pods that die half-way.")
@click.option("--runs", default=200, show_default=True, help="Simulated runs for each number of pods.")
def main(seconds: Path, images: int, start: float, dying: float, runs: int) -> None:
    """Print the makespan for each number of pods: median and 95th percentile of the runs."""
    rng = np.random.default_rng(0)
    recorded = np.array(json.loads(seconds.read_text()), np.float64)
    click.echo(
        "| pods | makespan, median | 95th percentile | speed-up | of the ideal |\n| --- | --- | --- | --- | --- |"
    )
    alone = 0.0
    for pods in PODS:
        times = [
            makespan(rng.choice(recorded, images // BATCH), pods, start=start, dying=dying, rng=rng)
            for _ in range(runs)
        ]
        median, late = np.percentile(times, (50, 95))
        alone = alone or float(median)
        click.echo(
            f"| {pods} | {median:,.0f} s | {late:,.0f} s | {alone / median:.0f}x | {alone / median / pods:.0%} |"
        )


if __name__ == "__main__":
    main()
