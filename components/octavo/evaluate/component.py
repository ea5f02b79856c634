"""The KFP component of evaluate."""

from kfp import dsl

from octavo.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
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
    write_json(evaluation.path, result.model_dump(mode="json"))
