"""A compiled pipeline or component, as KFP's YAML holds it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from octavo.errors import SpecError

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Task:
    """A task and where it stands.

    Attributes:
        name: its display name.
        body: the task.
        component: the component it runs.
        inputs: what the DAG around it takes, under `parameters` and `artifacts`.
        looped: whether a loop is around it.
    """

    name: str
    body: Entry
    component: Entry
    inputs: Entry
    looped: bool


@dataclass(frozen=True)
class Document:
    """The first YAML document of a compiled file."""

    pipeline: Entry

    def tasks(self) -> Iterator[Task]:
        """Every task, those of loops and nested pipelines behind the task that holds them."""
        yield from self._tasks(self.pipeline["root"], looped=False)

    def executor(self, task: Task) -> Entry:
        """What runs a task: an entry `container` or `importer`; empty for a loop or a nested pipeline."""
        label = str(task.component.get("executorLabel"))
        executors: Entry = self.pipeline.get("deploymentSpec", {}).get("executors", {})
        found: Entry = executors.get(label, {})
        return found

    def _tasks(self, component: Entry, *, looped: bool) -> Iterator[Task]:
        for key, body in component.get("dag", {}).get("tasks", {}).items():
            inner = self.pipeline["components"][body["componentRef"]["name"]]
            name = body.get("taskInfo", {}).get("name", key)
            yield Task(name, body, inner, component.get("inputDefinitions", {}), looped)
            yield from self._tasks(
                inner, looped=looped or bool({"parameterIterator", "artifactIterator"} & body.keys())
            )


def read_document(path: Path) -> Document:
    """Read a compiled file.

    Raises:
        SpecError: when it cannot be read, is no YAML, or no pipeline of KFP version 2.
    """
    try:
        pipeline = next(iter(yaml.safe_load_all(path.read_text(encoding="utf-8"))), None)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as fault:
        raise SpecError(f"{path} cannot be read as a compiled pipeline: {fault}") from fault
    if not isinstance(pipeline, dict) or not {"root", "components", "deploymentSpec"} <= pipeline.keys():
        raise SpecError(
            f"{path} is no pipeline that KFP 2 compiled: it wants the entries root, components, deploymentSpec"
        )
    return Document(pipeline)
