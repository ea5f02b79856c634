"""The KFP components of evaluate: a whole data set in one pod, or its shards in many."""

from kfp import dsl

from octavo.component import component


@component
def evaluate(
    *,
    graph: dsl.Input[dsl.Model],
    summary: dsl.Input[dsl.Artifact],
    dataset_uri: str,
    preprocessing: str,
    batch_size: int,
    evaluation: dsl.Output[dsl.Artifact],
    limit: int = 0,
) -> None:
    """Measure a graph's top-1 and top-5 on a labelled data set.

    Args:
        graph: A frozen graph, FP32 or INT8.
        summary: The model's summary, which names the inputs and outputs.
        dataset_uri: A labelled data set.
        preprocessing: A preset's name, or a preprocessing document.
        batch_size: Examples a batch.
        evaluation: Accuracy and predictions, as JSON.
        limit: Use the first examples only; 0 for all.
    """
    from pathlib import Path

    import click

    from octavo.ends import read_ends
    from octavo.evaluate.evaluate import evaluate_file
    from octavo.files import write_json

    ends = read_ends(summary.path)
    result = evaluate_file(
        Path(graph.path),
        dataset_uri=dataset_uri,
        preprocessing=preprocessing,
        batch_size=batch_size,
        inputs=ends.inputs,
        outputs=ends.outputs,
        limit=limit,
    )
    click.echo("\n".join(result.lines()))
    write_json(evaluation.path, result.model_dump(mode="json"))


@component
def evaluate_shard(
    *,
    graph: dsl.Input[dsl.Model],
    summary: dsl.Input[dsl.Artifact],
    manifest: dsl.Input[dsl.Artifact],
    plan: dsl.Input[dsl.Artifact],
    name: str,
    shard: dict[str, int],
    preprocessing: str,
    batch_size: int,
    ranking: dsl.Output[dsl.Artifact],
) -> None:
    """Run one shard of a labelled data set through a graph, for merge_evaluations.

    The ranking is left in the plan's folder as well.

    Args:
        graph: A frozen graph, FP32 or INT8.
        summary: The model's summary, which names the inputs and outputs.
        manifest: The data set, as plan_shards wrote it down; only the shard's examples are read.
        plan: The plan of all shards, as plan_shards wrote it.
        name: Tells the graph from others that are evaluated on the same shards.
        shard: One of the shards that plan_shards made.
        preprocessing: A preset's name, or a preprocessing document.
        batch_size: Examples a batch, as the shards were planned.
        ranking: What the graph thinks of each image, as JSON.
    """
    from pathlib import Path

    from octavo.data.plan import read_plan
    from octavo.data.shard import Shard
    from octavo.ends import read_ends
    from octavo.evaluate.evaluate import evaluate_shard

    ends = read_ends(summary.path)
    mine = Shard.model_validate(shard)
    evaluate_shard(
        Path(graph.path),
        Path(ranking.path),
        dataset_uri=manifest.path,
        shard=mine,
        preprocessing=preprocessing,
        batch_size=batch_size,
        inputs=ends.inputs,
        outputs=ends.outputs,
    )
    read_plan(Path(plan.path)).leave(f"ranking-{name}", mine, Path(ranking.path))


@component
def merge_evaluations(*, plan: dsl.Input[dsl.Artifact], name: str, evaluation: dsl.Output[dsl.Artifact]) -> None:
    """Judge what a graph thinks of the images of all shards, by exact counts.

    Args:
        plan: The plan of the shards, as plan_shards wrote it; evaluate_shard left its rankings in its folder.
        name: The graph's, as evaluate_shard was told it.
        evaluation: Accuracy and predictions, as JSON.
    """
    from pathlib import Path

    import click

    from octavo.evaluate.evaluate import merge_planned
    from octavo.files import write_json

    merged = merge_planned(Path(plan.path), name)
    click.echo("\n".join(merged.lines()))
    write_json(evaluation.path, merged.model_dump(mode="json"))
