"""`octavo evaluate`."""

from __future__ import annotations

from pathlib import Path

import click

from octavo.options import COMMA_LIST


@click.command("evaluate")
@click.option("--in-graph", required=True, type=click.Path(path_type=Path), help="A frozen graph.")
@click.option("--dataset", required=True, help="Labelled images: a folder or an .npz file, as a path or URI.")
@click.option("--preprocessing", default="unit", show_default=True, help="A preset's name, or a document.")
@click.option("--batch-size", default=32, show_default=True, help="Images at once.")
@click.option("--inputs", type=COMMA_LIST, default="", help="Name of the image input; found when left out.")
@click.option("--outputs", type=COMMA_LIST, required=True, help="The outputs; the classes' scores count.")
@click.option("--limit", default=0, show_default=True, help="Use the first images only; 0 for all.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes at a time.")
@click.option("--output", type=click.Path(path_type=Path), help="Write the evaluation to this JSON file.")
def command(
    *,
    in_graph: Path,
    dataset: str,
    preprocessing: str,
    batch_size: int,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    limit: int,
    workers: int,
    output: Path | None,
) -> None:
    """Measure a graph's top-1 and top-5 on labelled images.

    Of several --outputs, the first that looks like scores for classes counts, [images, classes] behind a Softmax rather
    than others; which one it was is said.
    """
    from octavo.evaluate.evaluate import evaluate_file

    result = evaluate_file(
        in_graph,
        dataset_uri=dataset,
        preprocessing=preprocessing,
        batch_size=batch_size,
        inputs=inputs,
        outputs=outputs,
        limit=limit,
        workers=workers,
    )
    if output is not None:
        result.write(output)
    click.echo("\n".join(result.lines()))
