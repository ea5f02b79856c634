"""The chart's flavours run what the compiled pipeline runs: the same steps, image, arguments and resources."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from kfp import compiler
from kfp.compiler.compiler_utils import KubernetesManifestOptions
from kfp.components import load_component_from_text
from kfp.kubernetes import kubernetes_executor_config_pb2

from helm_chart import CHART, CI_VALUES, Document, Helm, the, with_settings
from octavo import components
from octavo.cluster.register.registration import Registration
from octavo.lint_pipeline.lint import lint
from octavo.storage.settings import MOUNTED
from quickstart import PIPELINE

Step = dict[str, Any]


@pytest.fixture(scope="module")
def compiled() -> tuple[Document, Document]:
    pipeline, platform = yaml.safe_load_all((PIPELINE / "pipeline.yaml").read_text())
    return pipeline, platform


@pytest.fixture(scope="module")
def workflow(helm: Helm) -> Document:
    return the(helm.render(*with_settings({"mode": "argo", "objectStore.bucket": "b"})), "WorkflowTemplate", "octavo")


def steps_of_pipeline(pipeline: Document, platform: Document) -> dict[str, Step]:
    """Display name -> what a task runs, and with what; read from the intermediate form without the chart's table."""
    reading = CompiledReading(pipeline, platform)
    given = {name: f"parameter {name}" for name in pipeline["root"]["inputDefinitions"]["parameters"]}
    return dict(reading.steps(pipeline["root"]["dag"]["tasks"], {"parameters": given, "artifacts": {}}))


class CompiledReading:
    """The compiled pipeline, with the names that users see in place of keys."""

    def __init__(self, pipeline: Document, platform: Document) -> None:
        self.components = pipeline["components"]
        self.executors = pipeline["deploymentSpec"]["executors"]
        settings = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
        self.stores = {label for label, each in settings.items() if "secretAsVolume" in each}

    def steps(self, tasks: Document, around: Document) -> Iterator[tuple[str, Step]]:
        """Every task that runs a container, by its title; `around` is what inputs of the tasks' DAG stand for."""
        for task in tasks.values():
            component = self.components[task["componentRef"]["name"]]
            given = {kind: self.given(task, kind, tasks, around) for kind in ("parameters", "artifacts")}
            if "dag" not in component:
                yield task["taskInfo"]["name"], self.step(task, component, given)
                continue
            if loop := task.get("parameterIterator"):
                looped_over = given["parameters"][loop["items"]["inputParameter"]]
                given["parameters"][loop["itemInput"]] = looped_over.replace("Output of", "item of")
            yield from self.steps(component["dag"]["tasks"], given)

    def given(self, task: Document, kind: str, tasks: Document, around: Document) -> dict[str, str]:
        inputs = task.get("inputs", {}).get(kind, {})
        return {name: self.source(each, kind, tasks, around) for name, each in inputs.items()}

    def source(self, given: Document, kind: str, tasks: Document, around: Document) -> str:
        if "runtimeValue" in given:
            constant = given["runtimeValue"]["constant"]
            return f"{constant:g}" if isinstance(constant, float) else str(constant)
        if "taskOutputParameter" in given or "taskOutputArtifact" in given:
            ((_, made),) = given.items()
            output = made.get("outputParameterKey") or made["outputArtifactKey"]
            return self.made(tasks[made["producerTask"]], output)
        return str(around[kind][given.get("componentInputParameter") or given["componentInputArtifact"]])

    def made(self, task: Document, output: str) -> str:
        dag = self.components[task["componentRef"]["name"]].get("dag")
        if dag is None:
            return f"{output} of {task['taskInfo']['name']}"
        (source,) = dag["outputs"]["artifacts"][output]["artifactSelectors"]
        return self.made(dag["tasks"][source["producerSubtask"]], source["outputArtifactKey"])

    def step(self, task: Document, component: Document, given: Document) -> Step:
        container = self.executors[component["executorLabel"]]["container"]
        amounts = container["resources"]
        return {
            "image": container["image"],
            "component": container["args"][-1],
            **given,
            "outputs": set(component.get("outputDefinitions", {}).get("artifacts", {})),
            "results": set(component.get("outputDefinitions", {}).get("parameters", {})),
            "resources": [
                amounts[f"resource{what}{kind}"] for what in ("Cpu", "Memory") for kind in ("Request", "Limit")
            ],
            "retries": task["retryPolicy"]["maxRetryCount"],
            "secret": component["executorLabel"] in self.stores,
        }


def steps_of_workflow(template: Document) -> dict[str, Step]:
    """The same of an Argo WorkflowTemplate, as Argo would read it."""
    by_name = {each["name"]: each for each in template["spec"]["templates"]}
    assert len(by_name) == len(template["spec"]["templates"]), "two templates have one name"
    tasks = by_name[template["spec"]["entrypoint"]]["dag"]["tasks"]
    title = {
        task["name"]: by_name[task["template"]]["metadata"]["annotations"]["workflows.argoproj.io/title"]
        for task in tasks
    }
    return {title[task["name"]]: _step(task, by_name[task["template"]], title) for task in tasks}


def _step(task: Document, template: Document, title: dict[str, str]) -> Step:
    container, given = template["container"], task.get("arguments", {})
    passed = {each["name"]: each["value"] for each in given.get("parameters", [])}
    flags = dict(arg.removeprefix("--").split("=", 1) for arg in container["args"])
    parameters, artifacts, outputs, results = {}, {}, set(), set()
    declared = template.get("outputs", {})
    for flag, text in flags.items():
        name = flag.replace("-", "_")
        if text.startswith("/octavo/in/"):
            artifacts[name] = _source(name, text, task, template, title)
        elif text.startswith("/octavo/out/"):
            outputs |= {each["name"] for each in declared.get("artifacts", []) if each["path"] == text}
            results |= {each["name"] for each in declared.get("parameters", []) if each["valueFrom"] == {"path": text}}
        else:
            assert text == f"{{{{inputs.parameters.{name}}}}}"
            parameters[name] = _value(passed[name], task, title)
    amounts = container["resources"]
    return {
        "image": container["image"],
        "component": container["command"][2],
        "parameters": parameters,
        "artifacts": artifacts,
        "outputs": outputs,
        "results": results,
        "resources": [amounts[kind][what] for what in ("cpu", "memory") for kind in ("requests", "limits")],
        "retries": int(template["retryStrategy"]["limit"]),
        "secret": any(each["name"] == "object-store" for each in container["volumeMounts"]),
    }


def _value(text: str, task: Document, title: dict[str, str]) -> str:
    if text == "{{item}}":
        (producer,) = re.findall(r"^\{\{tasks\.([\w-]+)\.outputs\.parameters\.Output\}\}$", task["withParam"])
        return f"item of {title[producer]}"
    if found := re.fullmatch(r"\{\{tasks\.([\w-]+)\.outputs\.parameters\.(\w+)\}\}", text):
        return f"{found[2]} of {title[found[1]]}"
    found = re.fullmatch(r"\{\{workflow\.parameters\.(\w+)\}\}", text)
    return f"parameter {found[1]}" if found else text


def _source(name: str, path: str, task: Document, template: Document, title: dict[str, str]) -> str:
    (declared,) = [each for each in template["inputs"]["artifacts"] if each["name"] == name]
    assert declared["path"] == path
    for each in task.get("arguments", {}).get("artifacts", []):
        if each["name"] == name:
            (found,) = re.findall(r"^\{\{tasks\.([\w-]+)\.outputs\.artifacts\.(\w+)\}\}$", each["from"])
            return f"{found[1]} of {title[found[0]]}"
    raise AssertionError(f"nothing is passed to {task['name']} as {name}")


def test_argo_runs_the_pipelines_steps_with_its_image_arguments_and_resources(
    compiled: tuple[Document, Document], workflow: Document
) -> None:
    wanted, found = steps_of_pipeline(*compiled), steps_of_workflow(workflow)

    assert found.keys() == wanted.keys()
    for name, step in wanted.items():
        assert found[name] == step, name


LEFT_IN_THE_STORE = {"Merge logs": "Calibrate shard", "Merge evaluations": "Evaluate shard"}
"""Steps that wait for another of which they take nothing."""


def test_argo_waits_for_exactly_what_a_step_reads(workflow: Document) -> None:
    steps = steps_of_workflow(workflow)
    slugs = {title.lower().replace(" ", "-"): title for title in steps}
    tasks = workflow["spec"]["templates"][0]["dag"]["tasks"]
    for task in tasks:
        step = steps[slugs[task["name"]]]
        sources = [*step["artifacts"].values(), *(p for p in step["parameters"].values() if " of " in p)]
        waits = {slugs[name] for name in task["depends"].split(" && ")} if "depends" in task else set()
        reads = {source.split(" of ")[1] for source in sources}
        awaited = LEFT_IN_THE_STORE.get(slugs[task["name"]])
        assert waits == (reads | {awaited} if awaited else reads), task["name"]


def test_shards_as_a_job_are_the_same_steps_with_the_same_inputs(
    rendered: dict[str, list[Document]], workflow: Document
) -> None:
    loops, jobs = (
        {each["name"]: each for each in steps["spec"]["templates"]}
        for steps in (workflow, the(rendered["argo-indexed-job"], "WorkflowTemplate", "octavo"))
    )
    (dag, job_dag) = ({task["name"]: task for task in steps["main"]["dag"]["tasks"]} for steps in (loops, jobs))

    assert dag.keys() == job_dag.keys()
    for name, task in job_dag.items():
        before = dag[name].get("arguments")
        if "withParam" in dag[name]:
            parts = dag[name]["withParam"].replace(".Output}}", ".parts}}")
            before = {**before, "parameters": [{"name": "parts", "value": parts}]}
        assert task.get("arguments") == before, name
        assert task.get("depends") == dag[name].get("depends")


def test_argo_has_the_pipelines_parameters_with_their_defaults(
    compiled: tuple[Document, Document], workflow: Document
) -> None:
    parameters = compiled[0]["root"]["inputDefinitions"]["parameters"]
    given = {each["name"]: each for each in workflow["spec"]["arguments"]["parameters"]}

    assert given.keys() == parameters.keys()
    for name, parameter in parameters.items():
        assert given[name]["description"] == parameter["description"]
        assert ("value" in given[name]) == ("defaultValue" in parameter)
        if "defaultValue" in parameter:
            kind = type(parameter["defaultValue"])
            assert kind(given[name]["value"]) == parameter["defaultValue"]


@pytest.mark.parametrize("name", ["argo-s3", "argo-indexed-job"])
def test_flags_of_every_step_are_flags_of_its_command(rendered: dict[str, list[Document]], name: str) -> None:
    from octavo.run_component.command import component_command

    for template in the(rendered[name], "WorkflowTemplate", "octavo")["spec"]["templates"][1:]:
        container = template["container"]
        known = component_command(getattr(components, container["command"][2])).params
        needed = {f"--{p.name.replace('_', '-')}" for p in known if p.required and p.name is not None}
        given = {arg.split("=", 1)[0] for arg in container["args"]}
        assert needed <= given <= {option for p in known for option in p.opts}


def test_an_untouched_release_registers_the_compiled_pipeline_as_it_is(
    helm: Helm, compiled: tuple[Document, Document]
) -> None:
    data = the(helm.render(), "ConfigMap", "octavo-pipeline")["data"]

    assert list(yaml.safe_load_all(data["pipeline.yaml"])) == list(compiled)
    assert load_component_from_text(data["pipeline.yaml"]).pipeline_spec.pipeline_info.name == "quantize-int8"


def limits(helm: Helm, settings: dict[str, object]) -> list[int]:
    """How many pods of a loop, or of the workflow, the release lets run at the same time, wherever it says so."""
    documents = helm.render(*with_settings({"objectStore.bucket": "b", **settings}))
    if settings.get("mode") == "argo":
        return [t["parallelism"] for t in the(documents, "WorkflowTemplate", "octavo")["spec"]["templates"][:1]]
    if settings.get("mode") == "kfp-native":
        (version,) = [document for document in documents if document["kind"] == "PipelineVersion"]
        pipeline = version["spec"]["pipelineSpec"]
    else:
        pipeline = next(yaml.safe_load_all(the(documents, "ConfigMap", "octavo-pipeline")["data"]["pipeline.yaml"]))
    inner = [component["dag"] for component in pipeline["components"].values() if "dag" in component]
    dags = [pipeline["root"]["dag"], *inner]
    loops = [task for dag in dags for task in dag["tasks"].values() if "parameterIterator" in task]
    return [loop["iteratorPolicy"]["parallelismLimit"] for loop in loops]


@pytest.mark.parametrize(("mode", "places"), [("kfp", 2), ("kfp-native", 2), ("argo", 1)])
def test_one_value_bounds_the_pods_that_run_at_the_same_time_in_every_mode(helm: Helm, mode: str, places: int) -> None:
    assert limits(helm, {"mode": mode}) == [10] * places
    assert limits(helm, {"mode": mode, "parallelism": 2000000}) == [2000000] * places


def test_the_native_manifests_are_what_kfp_writes(helm: Helm, tmp_path: Path) -> None:
    documents = helm.render(*with_settings({"mode": "kfp-native"}))
    (version,) = [document for document in documents if document["kind"] == "PipelineVersion"]
    loaded = load_component_from_text((PIPELINE / "pipeline.yaml").read_text())
    options = KubernetesManifestOptions(
        pipeline_name="quantize-int8",
        pipeline_version_name=version["metadata"]["name"],
        namespace="vision",
        include_pipeline_manifest=True,
    )
    compiler.Compiler().compile(
        loaded,
        str(tmp_path / "native.yaml"),
        kubernetes_manifest_format=True,
        kubernetes_manifest_options=options,
    )
    by_kfp = {document["kind"]: document for document in yaml.safe_load_all((tmp_path / "native.yaml").read_text())}

    for kind in ("Pipeline", "PipelineVersion"):
        (ours,) = [document for document in documents if document["kind"] == kind]
        theirs = by_kfp[kind]
        assert ours["apiVersion"] == theirs["apiVersion"]
        assert ours["metadata"]["name"] == theirs["metadata"]["name"]
        assert ours["spec"].keys() == theirs["spec"].keys()
        for part in ("pipelineSpec", "platformSpec", "pipelineName"):
            assert ours["spec"].get(part) == theirs["spec"].get(part)


@pytest.mark.parametrize("name", ["kfp", "kfp-multi-user"])
def test_nothing_in_what_is_registered_fails_on_a_server(
    rendered: dict[str, list[Document]], name: str, tmp_path: Path
) -> None:
    compiled = tmp_path / "pipeline.yaml"
    compiled.write_text(the(rendered[name], "ConfigMap", "octavo-pipeline")["data"]["pipeline.yaml"])

    assert lint(compiled, component=False) == []


@pytest.fixture(scope="module")
def everything(rendered: dict[str, list[Document]]) -> tuple[Document, Document]:
    """The compiled pipeline of a release that sets everything."""
    data = the(rendered["kfp-multi-user"], "ConfigMap", "octavo-pipeline")["data"]
    pipeline, platform = yaml.safe_load_all(data["pipeline.yaml"])
    return pipeline, platform


def test_every_setting_reaches_every_task_of_the_registered_pipeline(everything: tuple[Document, Document]) -> None:
    pipeline, platform = everything
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]

    assert executors.keys() == pipeline["deploymentSpec"]["executors"].keys()
    for name, executor in pipeline["deploymentSpec"]["executors"].items():
        variables = {each["name"]: each["value"] for each in executor["container"]["env"]}
        settings = executors[name]
        assert executor["container"]["image"] == "registry.example.com/mirror/octavo/octavo:0.1.0"
        assert variables["HTTPS_PROXY"] == "http://proxy.example.com:3128"
        assert variables["AWS_CA_BUNDLE"] == "/etc/octavo/ca/ca.crt"
        assert [each["mountPath"] for each in settings["secretAsVolume"]] == ["/etc/octavo/ca"]
        assert settings["securityContext"] == {"runAsNonRoot": True}
        assert settings["imagePullPolicy"] == "Always"
        assert settings["nodeSelector"] == {"labels": {"feature.node.kubernetes.io/cpu-cpuid.AVX512VNNI": "true"}}
        assert settings["tolerations"][0]["value"] == "quantization"
        assert settings["podMetadata"]["labels"] == {"team": "vision"}
        json_format.ParseDict(settings, kubernetes_executor_config_pb2.KubernetesExecutorConfig())


def test_resources_of_one_step_change_that_step_alone(
    everything: tuple[Document, Document], compiled: tuple[Document, Document]
) -> None:
    def amounts(pipeline: Document) -> dict[str, Any]:
        executors = pipeline["deploymentSpec"]["executors"]
        return {name: executor["container"]["resources"] for name, executor in executors.items()}

    changed, before = amounts(everything[0]), amounts(compiled[0])
    assert changed["exec-calibrate"] == {
        **before["exec-calibrate"],
        "resourceCpuRequest": "2",
        "resourceMemoryLimit": "16Gi",
    }
    assert {**changed, "exec-calibrate": None} == {**before, "exec-calibrate": None}


def test_the_launcher_of_kubeflow_sees_nothing_of_the_stores_keys_and_settings(
    rendered: dict[str, list[Document]],
) -> None:
    data = the(rendered["kfp"], "ConfigMap", "octavo-pipeline")["data"]
    pipeline, platform = yaml.safe_load_all(data["pipeline.yaml"])
    fetch = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-fetch-model"]

    assert "secretAsEnv" not in data["pipeline.yaml"]
    assert [each["mountPath"] for each in fetch["secretAsVolume"]] == [MOUNTED]
    variables = pipeline["deploymentSpec"]["executors"]["exec-fetch-model"]["container"]["env"]
    assert variables == [{"name": "OCTAVO_S3_ENDPOINT", "value": "http://minio.storage.svc:9000"}]


@pytest.mark.parametrize("mode", ["kfp", "argo"])
def test_the_values_say_how_long_a_store_is_waited_for(helm: Helm, mode: str) -> None:
    values = {"mode": mode, "objectStore.bucket": "b", "objectStore.retrySeconds": 0}
    text = helm.run("template", "octavo", CHART, *with_settings(values)).stdout
    waits = re.findall(r"name: OCTAVO_STORE_RETRY_SECONDS\s+value: \"(\d+)\"", text)

    assert set(waits) == {"0"}
    assert len(waits) > 3


@pytest.mark.parametrize("name", [file.name.removesuffix("-values.yaml") for file in CI_VALUES])
def test_what_the_register_job_reads_is_a_registration(rendered: dict[str, list[Document]], name: str) -> None:
    maps = [document["data"] for document in rendered[name] if document["metadata"]["name"] == "octavo-pipeline"]
    for data in maps:
        registration = Registration.parse(data["registration.yaml"])
        assert registration.upload == ("pipeline.yaml" in data)
        for schedule in registration.schedules:
            assert {"model_uri", "target_uri"} <= schedule.parameters.keys()
    assert bool(maps) == name.startswith("kfp")


def test_a_version_is_named_by_what_is_in_it(helm: Helm) -> None:
    def version(settings: dict[str, object]) -> str:
        data = the(helm.render(*with_settings(settings)), "ConfigMap", "octavo-pipeline")["data"]
        return Registration.parse(data["registration.yaml"]).version

    assert version({}) == version({"kfp.experiment": "other"})
    assert version({}) != version({"image.tag": "0.1.1"})
    assert version({}) != version({"nodeSelector.pool": "vnni"})
    assert re.fullmatch(r"quantize-int8 0\.1\.0 \([0-9a-f]{8}\)", version({}))


def test_a_schedule_may_stay_with_a_version(rendered: dict[str, list[Document]]) -> None:
    data = the(rendered["kfp-multi-user"], "ConfigMap", "octavo-pipeline")["data"]
    native = the(rendered["kfp-native"], "ConfigMap", "octavo-pipeline")["data"]

    pinned = [each.version for each in Registration.parse(data["registration.yaml"]).schedules]
    assert pinned == ["quantize-int8 0.1.0 (1f2e3d4c)"]
    assert [each.version for each in Registration.parse(native["registration.yaml"]).schedules] == [""]


def test_documents_in_schedules_become_text(rendered: dict[str, list[Document]]) -> None:
    data = the(rendered["kfp"], "ConfigMap", "octavo-pipeline")["data"]
    nightly, weekly = Registration.parse(data["registration.yaml"]).schedules
    cron = next(document for document in rendered["argo-s3"] if document["kind"] == "CronWorkflow")
    given = {each["name"]: each["value"] for each in cron["spec"]["workflowSpec"]["arguments"]["parameters"]}

    assert nightly.parameters["recipe"] == '{"excluded_ops":["MatMul"],"per_channel":true}'
    assert (nightly.parameters["shards"], nightly.parameters["tolerance"]) == (8, 0.5)
    assert weekly.parameters["preprocessing"] == '{"preset":"inception","resize":"crop"}'
    assert given["recipe"] == '{"excluded_nodes":["head/.*"],"per_channel":true}'
