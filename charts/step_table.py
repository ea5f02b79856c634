"""The pipeline's steps as a table for the chart's Argo flavour, read from the compiled pipeline."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]

LOOP_ITEM = re.compile(r"-loop-item$")
CHANNEL = "pipelinechannel--"


def step_table(pipeline: Document, platform: Document) -> list[dict[str, Any]]:
    """The steps in an order in which each follows those it needs.

    Args:
        pipeline: the first document of pipeline.yaml.
        platform: the second, what concerns Kubernetes.

    Returns:
        For each step: its name and display name, the component, its parameters (constants, workflow parameters, or
        another step's list to loop over), the steps its artifacts come from, and what its container asks for.
    """
    flat = {task.key: task for task in _tasks(pipeline)}
    names = {key: _slug(task.body["taskInfo"]["name"]) for key, task in flat.items()}
    stores = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    steps = [_step(task, pipeline, names, stores) for task in flat.values()]
    return _sorted(steps)


class _Task:
    """A task that runs a container; `around` is the task of the loop it stands in."""

    def __init__(self, key: str, body: Document, around: Document | None) -> None:
        self.key, self.body, self.around = key, body, around


def _tasks(pipeline: Document) -> Iterator[_Task]:
    for key, body in pipeline["root"]["dag"]["tasks"].items():
        component = pipeline["components"][body["componentRef"]["name"]]
        if "dag" in component:
            yield from (_Task(inner, task, body) for inner, task in component["dag"]["tasks"].items())
        else:
            yield _Task(key, body, None)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower())


def _step(task: _Task, pipeline: Document, names: Document, stores: Document) -> dict[str, Any]:
    component = pipeline["components"][task.body["componentRef"]["name"]]
    container = pipeline["deploymentSpec"]["executors"][component["executorLabel"]]["container"]
    inputs, outputs = task.body.get("inputs", {}), component.get("outputDefinitions", {})
    retry = task.body["retryPolicy"]
    return {
        "name": names[task.key],
        "displayName": task.body["taskInfo"]["name"],
        "executor": component["executorLabel"],
        "component": container["args"][-1],
        "parameters": {key: _parameter(task, value, names) for key, value in inputs.get("parameters", {}).items()},
        "artifacts": {key: _artifact(task, pipeline, each, names) for key, each in inputs.get("artifacts", {}).items()},
        "outputs": sorted(outputs.get("artifacts", {})),
        "results": sorted(outputs.get("parameters", {})),
        "stores": component["executorLabel"] in stores,
        "resources": _resources(container["resources"]),
        "retry": {
            "limit": str(retry["maxRetryCount"]),
            "duration": retry["backoffDuration"],
            "factor": str(int(retry["backoffFactor"])),
            "cap": retry["backoffMaxDuration"],
        },
    }  # fmt: skip


def _parameter(task: _Task, value: Document, names: Document) -> dict[str, str]:
    """Where a parameter comes from: {"constant": text}, {"workflow": parameter} or {"each": step}."""
    if "runtimeValue" in value:
        return {"constant": as_text(value["runtimeValue"]["constant"])}
    source = value["componentInputParameter"]
    if task.around is None:
        return {"workflow": source}
    if LOOP_ITEM.search(source):
        outer = task.around["inputs"]["parameters"][LOOP_ITEM.sub("", source)]
        return {"each": names[outer["taskOutputParameter"]["producerTask"]]}
    return {"workflow": task.around["inputs"]["parameters"][source]["componentInputParameter"]}


def as_text(value: Any) -> str:
    """A parameter's value as a command line has it: KFP keeps whole numbers as 10.0, lists and mappings become JSON."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value)


def _artifact(task: _Task, pipeline: Document, value: Document, names: Document) -> dict[str, Any]:
    """The step and the output that an artifact comes from; `all` where it is every turn of a loop."""
    if "componentInputArtifact" in value and task.around is not None:
        value = task.around["inputs"]["artifacts"][value["componentInputArtifact"]]
    source = value["taskOutputArtifact"]
    producer, key = source["producerTask"], source["outputArtifactKey"]
    if producer in names:
        return {"step": names[producer], "output": key}
    loop = pipeline["components"][pipeline["root"]["dag"]["tasks"][producer]["componentRef"]["name"]]
    (selected,) = loop["dag"]["outputs"]["artifacts"][key]["artifactSelectors"]
    return {"step": names[selected["producerSubtask"]], "output": selected["outputArtifactKey"], "all": True}


def _resources(given: Document) -> dict[str, dict[str, str]]:
    return {
        "requests": {"cpu": given["resourceCpuRequest"], "memory": given["resourceMemoryRequest"]},
        "limits": {"cpu": given["resourceCpuLimit"], "memory": given["resourceMemoryLimit"]},
    }


def _sorted(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The steps, each behind those it needs; in the compiled file's order otherwise."""
    left, placed = list(steps), list[dict[str, Any]]()
    while left:
        done = {step["name"] for step in placed}
        ready = next(step for step in left if set(needs(step)) <= done)
        left.remove(ready)
        placed.append(ready)
    return placed


def needs(step: Document) -> list[str]:
    """The steps that a step of the table waits for."""
    artifacts = [source["step"] for source in step["artifacts"].values()]
    return sorted({*artifacts, *(value["each"] for value in step["parameters"].values() if "each" in value)})
