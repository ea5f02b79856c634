"""The pipeline's steps as a table for the chart's Argo flavour, read from the compiled pipeline."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

Document = Mapping[str, Any]


def step_table(pipeline: Document, platform: Document) -> list[dict[str, Any]]:
    """The steps in an order in which each follows those it needs; pipelines inside the pipeline are opened.

    Args:
        pipeline: the first document of pipeline.yaml.
        platform: the second, what concerns Kubernetes.

    Returns:
        For each step: its name and display name, the component, its parameters (constants, workflow parameters, another
        step's result, or the turns that another step made), the steps its artifacts come from, those it waits for, and
        what its container asks for.
    """
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    stores = {label for label, settings in executors.items() if "secretAsVolume" in settings}
    tasks = list(_tasks(_Layer(pipeline, pipeline["root"]["dag"], None, None)))
    names = [task.name for task in tasks]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"two steps are called {twice[0]!r}; give each a display name of its own")
    return _sorted([_step(task, stores) for task in tasks])


class _Layer:
    """The tasks of a pipeline, or of one inside it, or of a loop; `caller` is the task that stands for them outside."""

    def __init__(self, pipeline: Document, dag: Document, caller: Document | None, outside: _Layer | None) -> None:
        self.pipeline, self.dag, self.caller, self.outside = pipeline, dag, caller, outside

    def component(self, key: str) -> Document:
        found: Document = self.pipeline["components"][self.dag["tasks"][key]["componentRef"]["name"]]
        return found

    def inside(self, key: str) -> _Layer:
        return _Layer(self.pipeline, self.component(key)["dag"], self.dag["tasks"][key], self)

    def given(self, kind: str, name: str) -> tuple[_Layer, Document]:
        """The layer outside, and what it gives an input of this one."""
        assert self.caller is not None
        assert self.outside is not None
        return self.outside, self.caller["inputs"][kind][name]


class _Task:
    """A task that runs a container."""

    def __init__(self, key: str, layer: _Layer) -> None:
        self.key, self.layer = key, layer
        self.body: Document = layer.dag["tasks"][key]
        self.name = _slug(self.body["taskInfo"]["name"])


def _tasks(layer: _Layer) -> Iterator[_Task]:
    for key in layer.dag["tasks"]:
        if "dag" in layer.component(key):
            yield from _tasks(layer.inside(key))
        else:
            yield _Task(key, layer)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower())


def _step(task: _Task, stores: AbstractSet[str]) -> dict[str, Any]:
    component = task.layer.component(task.key)
    container = task.layer.pipeline["deploymentSpec"]["executors"][component["executorLabel"]]["container"]
    inputs, outputs = task.body.get("inputs", {}), component.get("outputDefinitions", {})
    parameters = {key: _parameter(task.layer, value) for key, value in inputs.get("parameters", {}).items()}
    artifacts = {key: _artifact(task.layer, value) for key, value in inputs.get("artifacts", {}).items()}
    retry = task.body["retryPolicy"]
    return {
        "name": task.name,
        "displayName": task.body["taskInfo"]["name"],
        "executor": component["executorLabel"],
        "component": container["args"][-1],
        "parameters": parameters,
        "artifacts": artifacts,
        "needs": sorted({*_sources(parameters, artifacts), *_awaited(task)}),
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


def _sources(parameters: Mapping[str, Document], artifacts: Mapping[str, Document]) -> Iterator[str]:
    """The steps that a step takes something from."""
    yield from (source["step"] for source in artifacts.values())
    for source in parameters.values():
        yield from (source[kind]["step"] for kind in ("result", "each") if kind in source)


def _awaited(task: _Task) -> Iterator[str]:
    """The steps of its own layer that a task waits for, beyond those that it reads: of a loop, all that stand in it."""
    inputs = task.body.get("inputs", {})
    given = [*inputs.get("parameters", {}).values(), *inputs.get("artifacts", {}).values()]
    read = {source["producerTask"] for each in given for source in each.values() if "producerTask" in source}
    for key in sorted(set(task.body.get("dependentTasks", ())) - read):
        if "dag" in task.layer.component(key):
            yield from (inner.name for inner in _tasks(task.layer.inside(key)))
        else:
            yield _Task(key, task.layer).name


def _parameter(layer: _Layer, value: Document) -> dict[str, Any]:
    """Where a parameter comes from: {"constant": text}, {"workflow": parameter}, or a result, or each of its items."""
    if "runtimeValue" in value:
        return {"constant": as_text(value["runtimeValue"]["constant"])}
    if "taskOutputParameter" in value:
        source = value["taskOutputParameter"]
        return {"result": {"step": _Task(source["producerTask"], layer).name, "output": source["outputParameterKey"]}}
    name = value["componentInputParameter"]
    if layer.caller is None:
        return {"workflow": name}
    loop = layer.caller.get("parameterIterator")
    if loop is not None and loop["itemInput"] == name:
        return {"each": _parameter(*layer.given("parameters", loop["items"]["inputParameter"]))["result"]}
    return _parameter(*layer.given("parameters", name))


def _artifact(layer: _Layer, value: Document) -> dict[str, str]:
    """The step and the output that an artifact comes from."""
    if "componentInputArtifact" in value:
        return _artifact(*layer.given("artifacts", value["componentInputArtifact"]))
    source = value["taskOutputArtifact"]
    return _made_by(layer, source["producerTask"], source["outputArtifactKey"])


def _made_by(layer: _Layer, key: str, output: str) -> dict[str, str]:
    """The step behind a task's output: for a pipeline inside, the step there that makes it."""
    component = layer.component(key)
    if "dag" not in component:
        return {"step": _Task(key, layer).name, "output": output}
    (source,) = component["dag"]["outputs"]["artifacts"][output]["artifactSelectors"]
    return _made_by(layer.inside(key), source["producerSubtask"], source["outputArtifactKey"])


def as_text(value: Any) -> str:
    """A parameter's value as a command line has it: KFP keeps whole numbers as 10.0, lists and mappings become JSON."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value)


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
