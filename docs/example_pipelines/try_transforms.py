"""A pipeline of one's own from octavo's components and one more: what does a transform list do to a model's answers?

`python docs/example_pipelines/try_transforms.py FILE` compiles it.
"""

import sys
from typing import Any, NamedTuple

from kfp import compiler, dsl

from octavo.components import evaluate, fetch_model, freeze_graph, summarize_graph, transform_graph
from octavo.image import IMAGE
from octavo.tasks import GRAPH, LIGHT, RUN, dressed


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def compare(before: dsl.Input[dsl.Artifact], after: dsl.Input[dsl.Artifact], metrics: dsl.Output[dsl.Metrics]) -> int:
    """Count the images that the two graphs answer differently.

    Args:
        before: What evaluate wrote of the first graph.
        after: What it wrote of the second.
        metrics: Both graphs' top-1, for the list of runs.

    Returns:
        How many answers differ.
    """
    import json
    from pathlib import Path

    first, second = (json.loads(Path(each.path).read_text()) for each in (before, after))
    metrics.log_metric("top-1 before", first["top1"])
    metrics.log_metric("top-1 after", second["top1"])
    return sum(one != other for one, other in zip(first["predictions"], second["predictions"], strict=True))


def measured(graph: Any, **data: Any) -> Any:
    """What evaluate writes of a graph; never cached, since the data set's content may change under its URI."""
    task = evaluate(graph=graph, batch_size=50, **data)
    return dressed(task, "Evaluate", RUN, stores=True, cached=False).output


class Before(NamedTuple):
    """Of two outputs of one name that a task takes, the user interface draws the way of one: so they have two names."""

    before: dsl.Artifact


class After(NamedTuple):
    """The other one."""

    after: dsl.Artifact


@dsl.pipeline(name="measure-before")
def measure_before(graph: dsl.Input[dsl.Model], dataset_uri: str, preprocessing: str, limit: int) -> Before:
    """Measure the graph as it was."""
    return Before(measured(graph, dataset_uri=dataset_uri, preprocessing=preprocessing, limit=limit))


@dsl.pipeline(name="measure-after")
def measure_after(graph: dsl.Input[dsl.Model], dataset_uri: str, preprocessing: str, limit: int) -> After:
    """Measure the graph as it became."""
    return After(measured(graph, dataset_uri=dataset_uri, preprocessing=preprocessing, limit=limit))


@dsl.pipeline(name="try-transforms")
def try_transforms(model_uri: str, dataset_uri: str, preprocessing: str, transforms: str, limit: int = 0) -> int:
    """Measure a model before and after a transform list.

    Args:
        model_uri: A frozen graph, a folder with a graph and its checkpoint, a SavedModel, or a Keras file.
        dataset_uri: Labelled examples.
        preprocessing: How pixels become the model's input: a preset's name, or a document.
        transforms: The list, e.g. fold_batch_norms.
        limit: Use the first examples only; 0 for all.

    Returns:
        How many answers differ.
    """
    model = dressed(fetch_model(uri=model_uri), "Fetch model", LIGHT, stores=True, cached=False).output
    summary = dressed(summarize_graph(model=model), "Summarize", GRAPH).output
    frozen = dressed(freeze_graph(model=model, summary=summary), "Freeze", GRAPH).output
    task = transform_graph(graph=frozen, transforms=transforms)
    changed = dressed(task, "Transform", GRAPH).output
    data = {"dataset_uri": dataset_uri, "preprocessing": preprocessing, "limit": limit}
    before = measure_before(graph=frozen, **data).set_display_name("Before")
    after = measure_after(graph=changed, **data).set_display_name("After")
    compared = compare(before=before.outputs["before"], after=after.outputs["after"])
    different: int = dressed(compared, "Compare", LIGHT).outputs["Output"]
    return different


if __name__ == "__main__":
    compiler.Compiler().compile(try_transforms, sys.argv[1])
