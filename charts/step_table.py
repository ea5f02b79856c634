"""The pipeline's steps as a table for the chart's Argo flavour, read from the compiled pipeline."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
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
        another step's list to loop over), the steps its artifacts come from, those it waits for, and what its container
        asks for.
    """
    flat = {task.key: task for task in _tasks(pipeline)}
    names = {key: _slug(task.body["taskInfo"]["name"]) for key, task in flat.items()}
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    stores = {label for label, settings in executors.items() if "secretAsVolume" in settings}
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


def _step(task: _Task, pipeline: Document, names: Document, stores: AbstractSet[str]) -> dict[str, Any]:
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
        "artifacts": {key: _artifact(task, each, names) for key, each in inputs.get("artifacts", {}).items()},
        "needs": sorted(set(_needs(task, pipeline, names))),
        "outputs": sorted(outputs.get("artifacts", {})),
        "results": sorted(outputs.get("parameters", {})),
        "stores": component["executorLabel"] in stores,
        "resources": _resources(container["resources"]),
        "retry": {
            "limit": str(retry["maxRetryCount"]),
            "duration": retry["backoffDuration"],
            "factor": str(int(retry["backoffFactor"])),
        },
    }  # fmt: skip


def _needs(task: _Task, pipeline: Document, names: Document) -> Iterator[str]:
    """The steps that a task waits for: for a loop, all that stand in it."""
    awaited = [*task.body.get("dependentTasks", ()), *(task.around or {}).get("dependentTasks", ())]
    for key in awaited:
        if key in names:
            yield names[key]
        else:
            loop = pipeline["components"][pipeline["root"]["dag"]["tasks"][key]["componentRef"]["name"]]
            yield from (names[inner] for inner in loop["dag"]["tasks"])


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


def _artifact(task: _Task, value: Document, names: Document) -> dict[str, str]:
    """The step and the output that an artifact comes from."""
    if "componentInputArtifact" in value and task.around is not None:
        value = task.around["inputs"]["artifacts"][value["componentInputArtifact"]]
    source = value["taskOutputArtifact"]
    return {"step": names[source["producerTask"]], "output": source["outputArtifactKey"]}


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
        ready = next(step for step in left if set(step["needs"]) <= done)
        left.remove(ready)
        placed.append(ready)
    return placed
