"""From a trained FP32 model in object storage to a verified INT8 model in object storage.

Run this file to write pipeline.yaml anew beside it, or with --output elsewhere. The environment variable OCTAVO_IMAGE
names another image than the published one: `octavo.image`. OCTAVO_PARALLELISM says how many shards of a loop run at the
same time, at most (10; 0 for all): Kubeflow wants that number when a pipeline is compiled. OCTAVO_SHARDS_IN_JOB=true
makes of each loop one step, whose shards are the pods of a Kubernetes Indexed Job.
"""

import os
from pathlib import Path
from typing import Any, NamedTuple

import click
import yaml
from kfp import compiler, dsl

from octavo import components, flow, run_parameters
from octavo.data.preprocessing import PRESETS
from octavo.indexed_job.task import job_settings, knows_its_pod, plans_a_job
from octavo.tasks import GRAPH, LIGHT, RUN, TIMED, dressed

COMPILED = Path(__file__).with_name("pipeline.yaml")

PARALLELISM = int(os.environ.get("OCTAVO_PARALLELISM", "10"))
"""Turns of a loop at the same time, at most; 0 for all. Unbounded, their pods keep those of other runs waiting."""

IN_JOB = os.environ.get(run_parameters.IN_JOB, "") == "true"
"""Whether the turns of a loop are the pods of one Job, whatever their number, in place of tasks of the pipeline."""

JOB = job_settings(PARALLELISM or run_parameters.MOST_INDEXES, RUN)
"""What the pods of a Job have of their own."""


class Prepared(NamedTuple):
    """What preparation hands on."""

    fp32_graph: dsl.Model


class Calibrated(NamedTuple):
    """What calibration hands on."""

    quantized_graph: dsl.Model
    log: dsl.Artifact


class Lowered(NamedTuple):
    """What lowering hands on."""

    int8_graph: dsl.Model


class Evaluated(NamedTuple):
    """What evaluation hands on."""

    evaluations: dsl.Artifact
    timings: dsl.Artifact


def _planned(plan: Any, name: str) -> Any:
    """The task that plans a loop; where its turns are one Job, it lists none."""
    if IN_JOB:
        plans_a_job(plan)
    return dressed(plan, name, LIGHT, stores=True, cached=False)


@dsl.pipeline(name="prepare-model")
def prepare_model(
    model_uri: str,
    calibration_uri: str,
    validation_uri: str,
    target_uri: str,
    work_uri: str,
    preprocessing: str,
    input_names: str,
    output_names: str,
    recipe: str,
    tolerance: float,
    reuse: bool,
) -> Prepared:
    """The model as an optimized frozen graph, when all parameters have been looked at."""
    version = components.look_up(
        model_uri=model_uri,
        calibration_uri=calibration_uri,
        validation_uri=validation_uri,
        target_uri=target_uri,
        work_uri=work_uri,
        preprocessing=preprocessing,
        recipe=recipe,
        tolerance=tolerance,
        reuse=reuse,
    )
    version = dressed(version, "Look up", LIGHT, stores=True, cached=False).output
    model = dressed(components.fetch_model(uri=model_uri, version=version), "Fetch model", LIGHT, stores=True).output
    summary = components.summarize_graph(model=model, input_names=input_names, output_names=output_names)
    summary = dressed(summary, "Summarize", GRAPH).output
    frozen = dressed(components.freeze_graph(model=model, summary=summary), "Freeze", GRAPH).output
    return Prepared(dressed(components.optimize(graph=frozen), "Optimize", GRAPH).output)


@dsl.pipeline(name="calibrate-ranges")
def calibrate_ranges(
    fp32_graph: dsl.Input[dsl.Model],
    calibration_uri: str,
    target_uri: str,
    work_uri: str,
    preprocessing: str,
    recipe: str,
    shards: int,
    batch_size: int,
    calibration_limit: int,
    calibration_seed: int,
    reuse: bool,
) -> Calibrated:
    """The dynamic-range graph and the merged log of its ranges, each shard calibrated in a pod of its own.

    The logs come together in the store: as a list of artifacts, few of them would fit the arguments of a pod.
    """
    quantized = dressed(components.quantize_graph(graph=fp32_graph, recipe=recipe), "Quantize", GRAPH).output
    logged = dressed(components.insert_logging(graph=quantized), "Insert logging", GRAPH).output
    plan = components.plan_calibration(
        graph=logged,
        dataset_uri=calibration_uri,
        shards=shards,
        batch_size=batch_size,
        preprocessing=preprocessing,
        target_uri=target_uri,
        work_uri=work_uri,
        recipe=recipe,
        limit=calibration_limit,
        seed=calibration_seed,
        reuse=reuse,
    )
    plan = _planned(plan, "Plan calibration")
    if IN_JOB:
        task = components.calibrate_in_job(parts=plan.outputs["parts"], job=JOB)
        dressed(knows_its_pod(task), "Calibrate shards", LIGHT, stores=True, cached=False)
    else:
        with dsl.ParallelFor(plan.outputs["Output"], name="Shards", parallelism=PARALLELISM) as turn:
            task = components.calibrate(turn=turn)
            dressed(task, "Calibrate shard", RUN, stores=True, cached=False)
    merged = components.merge_min_max_logs(parts=plan.outputs["parts"]).after(task)
    return Calibrated(quantized, dressed(merged, "Merge logs", LIGHT, stores=True).output)


@dsl.pipeline(name="lower-to-int8")
def lower_to_int8(quantized_graph: dsl.Input[dsl.Model], log: dsl.Input[dsl.Artifact], recipe: str) -> Lowered:
    """The INT8 graph: ranges frozen, ops fused."""
    ranged = components.freeze_ranges(graph=quantized_graph, log=log, recipe=recipe)
    ranged = dressed(ranged, "Freeze ranges", GRAPH).output
    return Lowered(dressed(components.fuse(graph=ranged, recipe=recipe), "Fuse", GRAPH).output)


@dsl.pipeline(name="evaluate-graphs")
def evaluate_graphs(
    fp32_graph: dsl.Input[dsl.Model],
    int8_graph: dsl.Input[dsl.Model],
    validation_uri: str,
    target_uri: str,
    work_uri: str,
    preprocessing: str,
    evaluation_shards: int,
    batch_size: int,
    reuse: bool,
) -> Evaluated:
    """The accuracy of both graphs on all shards, each evaluated in a pod of its own, and their speed."""
    plan = components.plan_evaluation(
        fp32_graph=fp32_graph,
        int8_graph=int8_graph,
        dataset_uri=validation_uri,
        shards=evaluation_shards,
        batch_size=batch_size,
        preprocessing=preprocessing,
        target_uri=target_uri,
        work_uri=work_uri,
        reuse=reuse,
    )
    plan = _planned(plan, "Plan evaluation")
    if IN_JOB:
        task = components.evaluate_in_job(parts=plan.outputs["parts"], job=JOB)
        dressed(knows_its_pod(task), "Evaluate shards", LIGHT, stores=True, cached=False)
    else:
        with dsl.ParallelFor(plan.outputs["Output"], name="Shards", parallelism=PARALLELISM) as turn:
            task = components.evaluate_shard(turn=turn)
            dressed(task, "Evaluate shard", RUN, stores=True, cached=False)
    merged = components.merge_evaluations(parts=plan.outputs["parts"]).after(task)
    timed = components.benchmark(fp32_graph=fp32_graph, int8_graph=int8_graph)
    return Evaluated(
        dressed(merged, "Merge evaluations", LIGHT, stores=True).output, dressed(timed, "Benchmark", TIMED).output
    )


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
    work_uri: str = "",
    reuse: bool = True,
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
        shards: Pods that calibrate. The result does not depend on their number.
        evaluation_shards: Pods that evaluate each graph. Nor does it depend on theirs.
        batch_size: Examples a batch, in calibration and evaluation.
        calibration_limit: Examples that calibration reads at most; 0 for all.
        calibration_seed: Chooses these at random, the same ones for the same number; 0 takes the first.
        tolerance: Points of top-1 that the INT8 model may lose; beyond it nothing is published.
        work_uri: The folder for what pods hand on and later runs reuse; the one around target_uri when empty.
        reuse: Whether what earlier runs made of the same model, examples and settings is taken.
    """
    stored = {"target_uri": target_uri, "work_uri": work_uri, "preprocessing": preprocessing, "reuse": reuse}
    prepared = prepare_model(
        model_uri=model_uri,
        calibration_uri=calibration_uri,
        validation_uri=validation_uri,
        input_names=input_names,
        output_names=output_names,
        recipe=recipe,
        tolerance=tolerance,
        **stored,
    )
    fp32 = prepared.set_display_name("Prepare").outputs["fp32_graph"]
    calibrated = calibrate_ranges(
        fp32_graph=fp32,
        calibration_uri=calibration_uri,
        recipe=recipe,
        shards=shards,
        batch_size=batch_size,
        calibration_limit=calibration_limit,
        calibration_seed=calibration_seed,
        **stored,
    ).set_display_name("Calibrate")
    log = calibrated.outputs["log"]
    lowered = lower_to_int8(quantized_graph=calibrated.outputs["quantized_graph"], log=log, recipe=recipe)
    int8 = lowered.set_display_name("Lower").outputs["int8_graph"]
    evaluated = evaluate_graphs(
        fp32_graph=fp32,
        int8_graph=int8,
        validation_uri=validation_uri,
        evaluation_shards=evaluation_shards,
        batch_size=batch_size,
        **stored,
    ).set_display_name("Evaluate")
    reported = components.report(
        fp32_graph=fp32,
        int8_graph=int8,
        evaluations=evaluated.outputs["evaluations"],
        timings=evaluated.outputs["timings"],
        log=log,
        tolerance=tolerance,
    )
    reported = dressed(reported, "Report", GRAPH)
    published = components.publish_model(
        int8_graph=int8,
        figures=reported.outputs["figures"],
        report=reported.outputs["report"],
        target_uri=target_uri,
        tolerance=tolerance,
    )
    dressed(published, "Publish", LIGHT, stores=True, cached=False)


EXAMPLES = """\
Each field takes one line. A recipe: `{excluded_ops: [MatMul], calibration: {algorithm: kl}}`. A preprocessing: `torch`,
or `{preset: torch, resize: crop}`; presets are {presets}."""
"""What a form does not say of its fields."""


def describe(pipeline: dict[str, Any]) -> str:
    """The pipeline in Markdown, for the page that has its form: Kubeflow shows a parameter's name and nothing else."""
    inputs = pipeline["root"]["inputDefinitions"]["parameters"]
    rows = [f"| `{name}` | {inputs[name]['description']} |" for name in inputs]
    table = "\n".join(["| parameter | meaning |", "| --- | --- |", *rows])
    examples = EXAMPLES.replace("{presets}", ", ".join(f"`{name}`" for name in PRESETS))
    return f"{pipeline['pipelineInfo']['description']}\n\n{table}\n\n{examples}"


def compile_pipeline(target: Path = COMPILED) -> None:
    """Write the compiled pipeline; of descriptions, those of its own parameters.

    Kubeflow writes the specification of a task's component into ten places of the run's Workflow, which holds 1 MiB.
    """
    compiler.Compiler().compile(quantize_int8, str(target))
    text = target.read_text(encoding="utf-8")
    head = "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))
    pipeline, platform = yaml.safe_load_all(text)
    pipeline["pipelineInfo"]["description"] = describe(pipeline)
    for component in pipeline["components"].values():
        for definitions in ("inputDefinitions", "outputDefinitions"):
            for entries in component.get(definitions, {}).values():
                for entry in entries.values():
                    entry.pop("description", None)
    target.write_text(f"{head}{yaml.safe_dump_all([pipeline, platform], width=120)}", encoding="utf-8")


@click.command(context_settings={"show_default": True})
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), default=COMPILED, help="File to write.")
def main(output: Path) -> None:
    """Write the compiled pipeline."""
    compile_pipeline(output)


if __name__ == "__main__":
    main()
