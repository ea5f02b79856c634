"""The KFP components of evaluate: a whole data set in one pod, or its shards in many."""

from kfp import dsl

from octavo.component import component


@component
def evaluate(
    *,
    graph: dsl.Input[dsl.Model],
    dataset_uri: str,
    preprocessing: str,
    batch_size: int,
    evaluation: dsl.Output[dsl.Artifact],
    limit: int = 0,
) -> None:
    """Measure a graph's top-1 and top-5 on a labelled data set.

    Args:
        graph: A frozen graph, FP32 or INT8.
        dataset_uri: A labelled data set.
        preprocessing: A preset's name, or a preprocessing document.
        batch_size: Examples a batch.
        evaluation: Accuracy and predictions, as JSON.
        limit: Use the first examples only; 0 for all.
    """
    import click

    from octavo.evaluate.evaluate import evaluate_file
    from octavo.graph_folder import graph_folder

    given = graph_folder(graph.path)
    ends = given.ends()
    result = evaluate_file(
        given.graph,
        dataset_uri=dataset_uri,
        preprocessing=preprocessing,
        batch_size=batch_size,
        inputs=ends.inputs,
        outputs=ends.outputs,
        limit=limit,
    )
    click.echo("\n".join(result.lines()))
    result.write(evaluation.path)


@component
def evaluate_shard(*, turn: dict[str, str]) -> None:
    """Run one shard of a labelled data set through a graph and leave what it thinks in the loop's folder.

    Args:
        turn: One of the turns that plan_evaluation made. The graph that it is about, and how to read the examples, are
            in the folder that it names.
    """
    from octavo.data.parts import read_turn
    from octavo.evaluate.turn import evaluate_turn

    evaluate_turn(read_turn(turn))


@component
def merge_evaluations(*, parts: str, evaluations: dsl.Output[dsl.Artifact]) -> None:
    """Judge what the graphs think of the images of all shards, by exact counts.

    Args:
        parts: The loop's folder, in which evaluate_shard left its rankings.
        evaluations: Accuracy and predictions of each graph: fp32.json and int8.json.
    """
    from pathlib import Path

    import click

    from octavo.evaluate.evaluate import merge_parts

    for name, found in merge_parts(parts, Path(evaluations.path)).items():
        click.echo("\n".join([f"{name}:", *found.lines()]))
