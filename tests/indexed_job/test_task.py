"""A pipeline on Kubeflow whose turns are done in a Job."""

from pathlib import Path
from typing import Any

import yaml
from kfp import compiler, dsl

from octavo import components
from octavo.indexed_job.settings import JobSettings
from octavo.indexed_job.task import job_settings, knows_its_pod, plans_a_job
from octavo.run_parameters import runs_in_job
from octavo.tasks import LIGHT, RUN, dressed


@dsl.pipeline(name="in-a-job")  # type: ignore[untyped-decorator]
def in_a_job(model_uri: str, data_uri: str, target_uri: str) -> None:
    graph = dsl.importer(artifact_uri=model_uri, artifact_class=dsl.Model)
    planned = components.plan_calibration(
        graph=graph.output,
        dataset_uri=data_uri,
        shards=300,
        batch_size=10,
        preprocessing="unit",
        target_uri=target_uri,
    )
    plans_a_job(dressed(planned, "Plan calibration", LIGHT, stores=True))
    done = components.calibrate_in_job(graph=graph.output, parts=planned.outputs["parts"], job=job_settings(100, RUN))
    knows_its_pod(dressed(done, "Calibrate shards", LIGHT, stores=True, cached=False))
    components.merge_min_max_logs(parts=planned.outputs["parts"]).after(done)


def compiled(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    compiler.Compiler().compile(in_a_job, str(folder / "pipeline.yaml"))
    pipeline, platform = yaml.safe_load_all((folder / "pipeline.yaml").read_text())
    return pipeline, platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]


def test_the_step_knows_its_pod_and_what_the_pods_of_its_job_have(tmp_path: Path) -> None:
    pipeline, executors = compiled(tmp_path)
    fields = {each["name"]: each["fieldPath"] for each in executors["exec-calibrate-in-job"]["fieldPathAsEnv"]}
    inputs = pipeline["root"]["dag"]["tasks"]["calibrate-in-job"]["inputs"]["parameters"]
    given = JobSettings.parse(inputs["job"]["runtimeValue"]["constant"])

    assert fields == {"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace"}
    assert given.parallelism == 100
    assert given.resources["limits"] == {"cpu": "4", "memory": "8Gi"}


def test_the_plan_and_whoever_reads_the_pipeline_know_that_its_shards_are_a_job(tmp_path: Path) -> None:
    pipeline, _ = compiled(tmp_path)
    containers = {
        name: each["container"] for name, each in pipeline["deploymentSpec"]["executors"].items() if "container" in each
    }

    assert {"name": "OCTAVO_SHARDS_IN_JOB", "value": "true"} in containers["exec-plan-calibration"]["env"]
    assert runs_in_job(containers.values())
