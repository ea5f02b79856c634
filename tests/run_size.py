"""How large a run of the compiled pipeline becomes in Kubernetes, calculated.

Argo keeps the states of a run's nodes in the run's Workflow, and compresses them when the whole object passes 1 MiB.
From then on Kubeflow's list of a run's tasks stands still. So this size bounds the runs that can be followed.

What Kubeflow Pipelines 2.17 with Argo Workflows 4.0 writes of a task, as JSON inside JSON:

    six nodes (driver, executor and container, each with a node for its tries), some 1,085 bytes each
    6 x the container's patch: the launcher's command with the task's inputs, outputs and component; volumes
    2 x (the component + the task), 2 x (the container + what concerns Kubernetes)

and of each pipeline inside the pipeline, loop, and turn of a loop: two nodes of its driver, which hold the component
and the task, and two of its own. Each of the 24 tasks of a real run followed it to 1 %, given the length of its patch;
`patch` below builds one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]

NODE = 1085
"""Bytes of a node besides its parameters."""

DAG_NODE = 700
"""Bytes of a node that stands for a layer."""

RUN = "0" * 36
SESSION = json.dumps(
    {
        "Provider": "minio",
        "Params": {
            "accessKeyKey": "accesskey",
            "disableSSL": "true",
            "endpoint": "seaweedfs.kubeflow:9000",
            "fromEnv": "false",
            "maxRetries": "5",
            "region": "minio",
            "secretKeyKey": "secretkey",
            "secretName": "mlpipeline-minio-artifact",
        },
    },
    separators=(",", ":"),
)
"""What goes with each artifact: where the pipeline root is."""

GRAPH = {"bytes": 452411, "nodes": 257, "sha256": "0" * 64}
"""What a graph's folder carries besides."""

LAUNCHER = [
    *("--pod_name", "$(KFP_POD_NAME)", "--pod_uid", "$(KFP_POD_UID)"),
    *("--ml_pipeline_server_address", "ml-pipeline.kubeflow.svc.cluster.local", "--ml_pipeline_server_port", "8887"),
    *("--mlmd_server_address", "metadata-grpc-service.kubeflow.svc.cluster.local", "--mlmd_server_port", "8080"),
    *("--publish_logs", "true", "--publish_logs", "true", "--"),
]

VALUES = {"turn": {"kind": "min_max_log", "parts": f"s3://bucket/out/.octavo-parts/{RUN}", "shard": "3"}}
"""A loop's item, as a task gets it."""

TEXT = "s3://bucket/quickstart/value"
"""A parameter's value, about."""


def run_size(pipeline: Document, platform: Document, turns: Mapping[str, int]) -> int:
    """Bytes of the node states of a run.

    Args:
        pipeline: the first document of a compiled pipeline.
        platform: the second.
        turns: what runs in a loop, by its display name -> how many turns the loop has.
    """
    root = {"dag": pipeline["root"]["dag"], **_given(pipeline["root"])}
    return 2 * (NODE + 200 + escaped(root)) + 2 * DAG_NODE + _layer(pipeline, platform, pipeline["root"], turns)


def turn_size(pipeline: Document, platform: Document, turn: str) -> int:
    """Bytes that one more turn of a loop takes."""
    sizes = [run_size(pipeline, platform, {turn: count}) for count in (1, 2)]
    return sizes[1] - sizes[0]


def escaped(value: Any) -> int:
    """The length of a value that stands as JSON in a text of JSON."""
    return len(json.dumps(value if isinstance(value, str) else _compact(value)))


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _given(component: Document) -> dict[str, Any]:
    return {name: component[name] for name in ("inputDefinitions", "outputDefinitions") if name in component}


def _layer(pipeline: Document, platform: Document, around: Document, turns: Mapping[str, int]) -> int:
    total = 0
    for key, task in around["dag"]["tasks"].items():
        component = pipeline["components"][task["componentRef"]["name"]]
        if "dag" not in component:
            total += task_size(pipeline, platform, key)
            continue
        driver = 2 * (NODE + 100 + escaped(component) + escaped(task))
        inside = _layer(pipeline, platform, component, turns)
        total += driver + 2 * DAG_NODE
        if "parameterIterator" in task:
            (name,) = (each["taskInfo"]["name"] for each in component["dag"]["tasks"].values())
            total += 3 * DAG_NODE + turns.get(name, 0) * (driver + 2 * DAG_NODE + inside)
        else:
            total += inside
    return total


def task_size(pipeline: Document, platform: Document, key: str) -> int:
    """Bytes of the nodes of one task that runs a container."""
    task = next(dag["tasks"][key] for dag in _dags(pipeline) if key in dag["tasks"])
    component = pipeline["components"][task["componentRef"]["name"]]
    label = component["executorLabel"]
    container = pipeline["deploymentSpec"]["executors"][label]["container"]
    settings = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"].get(label, {})
    inputs = 2 * (escaped(component) + escaped(task) + escaped(container) + 60 + escaped(settings))
    return 6 * NODE + inputs + 6 * escaped(patch(key, task, component, container, settings))


def _dags(pipeline: Document) -> Iterator[Document]:
    yield pipeline["root"]["dag"]
    yield from (each["dag"] for each in pipeline["components"].values() if "dag" in each)


def patch(key: str, task: Document, component: Document, container: Document, settings: Document) -> dict[str, Any]:
    """What the driver says of a container, about as Kubeflow Pipelines 2.17 writes it."""
    flags = ["--pipeline_name", "quantize-int8", "--run_id", RUN, "--execution_id", "64"]
    inputs = json.dumps(executor_input(key, task, component))
    volumes = [each["secretName"] for each in settings.get("secretAsVolume", ())]
    resources = container["resources"]
    amounts = {
        kind: {
            "cpu": resources[f"resourceCpu{kind[:-1].title()}"],
            "memory": resources[f"resourceMemory{kind[:-1].title()}"],
        }
        for kind in ("limits", "requests")
    }
    main = {
        "name": "main",
        "image": container["image"],
        "command": [
            "/kfp-launcher/launch",
            *flags,
            *("--executor_input", inputs, "--component_spec", json.dumps(component)),
            *LAUNCHER,
        ],
        "args": [*container["command"], *container["args"]],
        "env": container.get("env", []),
        "resources": amounts,
        "volumeMounts": [{"name": name, "mountPath": "/var/run/octavo/object-store"} for name in volumes],
        "securityContext": {"capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True},
    }
    return {
        "volumes": [{"name": name, "secret": {"secretName": name, "optional": True}} for name in volumes],
        "containers": [main],
    }


def executor_input(key: str, task: Document, component: Document) -> dict[str, Any]:
    """What the launcher is told of a task's inputs and outputs."""
    place = f"minio://mlpipeline/v2/artifacts/quantize-int8/{RUN}"
    kinds = component.get("inputDefinitions", {}).get("artifacts", {})
    artifacts = {}
    for name in task.get("inputs", {}).get("artifacts", {}):
        facts = GRAPH if kinds[name]["artifactType"]["schemaTitle"] == "system.Model" else {}
        metadata = {**facts, "display_name": name, "store_session_info": SESSION}
        artifacts[name] = {
            "artifacts": [{"name": "53", "uri": f"{place}/insert-logging/{RUN}/{name}", "metadata": metadata}]
        }
    values = {name: VALUES.get(name, TEXT) for name in task.get("inputs", {}).get("parameters", {})}
    outputs = component.get("outputDefinitions", {})
    made = {"executor-logs": {"schemaTitle": "system.Artifact"}}
    made |= {name: each["artifactType"] for name, each in outputs.get("artifacts", {}).items()}
    return {
        "inputs": {"artifacts": artifacts, "parameterValues": values},
        "outputs": {
            "artifacts": {
                name: {"artifacts": [{"name": name, "type": kind, "uri": f"{place}/{key}/{RUN}/{name}"}]}
                for name, kind in made.items()
            },
            "parameters": {name: {"outputFile": f"/tmp/kfp/outputs/{name}"} for name in outputs.get("parameters", {})},
            "outputFile": f"/minio/mlpipeline/v2/artifacts/quantize-int8/{RUN}/{key}/{RUN}/output_metadata.json",
        },
    }
