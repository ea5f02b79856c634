"""From a trained FP32 model in object storage to a verified INT8 model in object storage.

Run this file to write pipeline.yaml anew beside it, or with --output elsewhere. The environment variable OCTAVO_IMAGE
names another image than the published one: `octavo.image`. OCTAVO_PARALLELISM says how many shards of a loop run at the
same time, at most (10; 0 for all): Kubeflow wants that number when a pipeline is compiled.
"""

import os
from pathlib import Path
from typing import Any

import click
from kfp import compiler, dsl

from octavo import components, flow
from octavo.tasks import GRAPH, LIGHT, RUN, TIMED, dressed

COMPILED = Path(__file__).with_name("pipeline.yaml")

PARALLELISM = int(os.environ.get("OCTAVO_PARALLELISM", "10"))
"""Shards of a loop at the same time, at most; 0 for all. Unbounded, their pods keep those of other runs waiting."""


def _fetch(uri: Any) -> Any:
    return dressed(components.fetch_model(uri=uri), "Fetch model", LIGHT, stores=True, cached=False).output


def _summarize(model: Any, input_names: Any, output_names: Any) -> Any:
    task = components.summarize_graph(model=model, input_names=input_names, output_names=output_names)
    return dressed(task, "Summarize", GRAPH).output


def _plan(name: str, **settings: Any) -> Any:
    task = components.plan_shards(**settings)
    return dressed(task, name, LIGHT, stores=True, cached=False)


def _transform(graph: Any, summary: Any, transforms: str, name: str) -> Any:
    task = components.transform_graph(graph=graph, summary=summary, transforms=transforms)
    return dressed(task, name, GRAPH).output


def _calibrate(graph: Any, summary: Any, plan: Any, recipe: Any, reading: dict[str, Any]) -> Any:
    """The merged log of all shards, each calibrated in a pod of its own.

    The logs come together in the store: as a list of artifacts, few of them would fit the arguments of a pod.
    """
    with dsl.ParallelFor(plan.outputs["Output"], name="Calibrate shards", parallelism=PARALLELISM) as shard:
        task = components.calibrate(
            graph=graph,
            summary=summary,
            manifest=plan.outputs["manifest"],
            plan=plan.outputs["plan"],
            shard=shard,
            recipe=recipe,
            **reading,
        )
        dressed(task, "Calibrate", RUN, stores=True, cached=False)
    merged = components.merge_min_max_logs(plan=plan.outputs["plan"], recipe=recipe).after(task)
    return dressed(merged, "Merge logs", LIGHT, stores=True, cached=False).output


def _lower(dynamic: Any, log: Any, summary: Any, recipe: Any) -> Any:
    """The INT8 graph: ranges frozen, ops fused."""
    frozen = components.freeze_ranges(graph=dynamic, log=log, summary=summary, recipe=recipe)
    ranged = dressed(frozen, "Freeze ranges", GRAPH).output
    return dressed(components.fuse(graph=ranged, summary=summary, recipe=recipe), "Fuse", GRAPH).output


def _evaluate(graph: Any, summary: Any, plan: Any, reading: dict[str, Any], name: str) -> Any:
    """The accuracy of a graph on all shards, each evaluated in a pod of its own."""
    with dsl.ParallelFor(plan.outputs["Output"], name=f"Evaluate {name} shards", parallelism=PARALLELISM) as shard:
        task = components.evaluate_shard(
            graph=graph,
            summary=summary,
            manifest=plan.outputs["manifest"],
            plan=plan.outputs["plan"],
            name=name,
            shard=shard,
            **reading,
        )
        dressed(task, f"Evaluate {name}", RUN, stores=True, cached=False)
    merged = components.merge_evaluations(plan=plan.outputs["plan"], name=name).after(task)
    return dressed(merged, f"Merge {name} evaluations", LIGHT, stores=True, cached=False).output


def _benchmark(fp32: Any, int8: Any, summary: Any) -> Any:
    task = components.benchmark(fp32_graph=fp32, int8_graph=int8, summary=summary)
    return dressed(task, "Benchmark", TIMED, cached=False).output


def _publish(int8: Any, report: Any, decisions: Any, target_uri: Any, tolerance: Any) -> Any:
    task = components.publish_model(
        int8_graph=int8,
        result=report.outputs["result"],
        page=report.outputs["page"],
        decisions=decisions,
        target_uri=target_uri,
        tolerance=tolerance,
    )
    return dressed(task, "Publish", LIGHT, stores=True, cached=False)


@dsl.pipeline(name="quantize-int8", display_name="Quantize to INT8")
def quantize_int8(
    model_uri: str,
    calibration_uri: str,
    validation_uri: str,
    target_uri: str,
    preprocessing: str,
    input_names: str = "",
    output_names: str = "",
    recipe: str = "",
    shards: int = flow.SHARDS,
    evaluation_shards: int = flow.EVALUATION_SHARDS,
    batch_size: int = flow.BATCH_SIZE,
    calibration_limit: int = flow.CALIBRATION_LIMIT,
    calibration_seed: int = 0,
    tolerance: float = flow.TOLERANCE,
) -> None:
    """Turn a trained FP32 TensorFlow model into an INT8 model, and publish it when it is accurate enough.

    Args:
        model_uri: A frozen graph, a folder with a graph and its checkpoint, a SavedModel, or a Keras file.
        calibration_uri: Examples that the ranges are taken from: a folder of images or an .npz file.
        validation_uri: Labelled examples that accuracy is measured on.
        target_uri: The folder that int8.pb, summary.json, decisions.json and report.html are written to.
        preprocessing: How pixels become the model's input: a preset's name, or a document.
        input_names: Names of the model's inputs, separated by commas; found when empty.
        output_names: Names of the model's outputs, separated by commas; found when empty.
        recipe: What to quantize and how, a YAML or JSON document; empty for the default.
        shards: Pods that calibrate, at most 1000. The result does not depend on it.
        evaluation_shards: Pods that evaluate a graph, at most 1000. Nor does it depend on that.
        batch_size: Examples a batch, in calibration and evaluation.
        calibration_limit: Examples that calibration reads at most; 0 for all.
        calibration_seed: Chooses these at random, the same ones for the same number; 0 takes the first.
        tolerance: Points of top-1 that the INT8 model may lose; beyond it nothing is published.
    """
    model = _fetch(model_uri)
    summary = _summarize(model, input_names, output_names)
    frozen = dressed(components.freeze_graph(model=model, summary=summary), "Freeze", GRAPH).output
    fp32 = _transform(frozen, summary, flow.OPTIMIZE, "Optimize")
    quantized = components.quantize_graph(graph=fp32, summary=summary, recipe=recipe)
    dynamic = dressed(quantized, "Quantize", GRAPH).outputs["quantized"]
    logged = _transform(dynamic, summary, flow.INSERT_LOGGING, "Insert logging")
    planned = _plan(
        "Plan shards",
        dataset_uri=calibration_uri,
        shards=shards,
        batch_size=batch_size,
        limit=calibration_limit,
        seed=calibration_seed,
        target_uri=target_uri,
    )
    reading = {"preprocessing": preprocessing, "batch_size": batch_size}
    log = _calibrate(logged, summary, planned, recipe, reading)
    int8 = _lower(dynamic, log, summary, recipe)
    judged = _plan(
        "Plan evaluation",
        dataset_uri=validation_uri,
        shards=evaluation_shards,
        batch_size=batch_size,
        target_uri=target_uri,
    )
    report = components.report(
        model=model,
        summary=summary,
        decisions=quantized.outputs["decisions"],
        fp32_graph=fp32,
        int8_graph=int8,
        fp32_evaluation=_evaluate(fp32, summary, judged, reading, "FP32"),
        int8_evaluation=_evaluate(int8, summary, judged, reading, "INT8"),
        timings=_benchmark(fp32, int8, summary),
        log=log,
        tolerance=tolerance,
    )
    report = dressed(report, "Report", GRAPH)
    published = _publish(int8, report, quantized.outputs["decisions"], target_uri, tolerance)
    clear = components.clear_parts(plan=planned.outputs["plan"], evaluation_plan=judged.outputs["plan"])
    dressed(clear.after(published), "Clear parts", LIGHT, stores=True, cached=False)


def compile_pipeline(target: Path = COMPILED) -> None:
    """Write the compiled pipeline."""
    compiler.Compiler().compile(quantize_int8, str(target))


@click.command(context_settings={"show_default": True})
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), default=COMPILED, help="File to write.")
def main(output: Path) -> None:
    """Write the compiled pipeline."""
    compile_pipeline(output)


if __name__ == "__main__":
    main()
