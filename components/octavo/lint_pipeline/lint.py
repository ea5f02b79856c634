"""What a compiled pipeline must not hold, and what each of its tasks must.

All of it compiles, and most of it runs under kfp.local; the open-source backend of Kubeflow Pipelines then passes a
placeholder on as it stands, finds a parameter of another type, or starts a pod that its namespace's quota refuses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from octavo.lint_pipeline.document import Document, Entry, Task, read_document

RESOLVED = re.compile(
    r"\{\{\$\}\}"
    r"|\{\{\$\.inputs\.parameters\['[^']+'\]\}\}"
    r"|\{\{\$\.(inputs|outputs)\.artifacts\['[^']+'\]\.(path|uri)\}\}"
    r"|\{\{\$\.outputs\.parameters\['[^']+'\]\.output_file\}\}"
    r"|\{\{\$\.(pipeline_job_name|pipeline_job_uuid|pipeline_job_resource_name|pipeline_task_name|pipeline_task_uuid"
    r"|pipeline_root)\}\}"
)
"""The placeholders that the backend replaces in a container's words."""

LEFT = re.compile(r"\{\{\$(?:(?!\{\{\$)[^}])*\}\}")
"""A placeholder, up to its end or to where another begins."""

LONGEST_WORD = 131_071
"""Bytes that Linux takes in one word of a command line."""

RESOURCES = {
    "resourceCpuRequest": "CPU request",
    "resourceCpuLimit": "CPU limit",
    "resourceMemoryRequest": "memory request",
    "resourceMemoryLimit": "memory limit",
}

Rule = Callable[[Document, Task], Iterator[str]]


def lint(path: Path, *, component: bool = False) -> list[str]:
    """What is wrong with a compiled file.

    Args:
        path: a compiled pipeline, or a compiled component.
        component: whether it is a component: resources and retries are then its user's to set.

    Returns:
        A sentence for each fault, in the file's order; none where all is well.

    Raises:
        SpecError: when the file is no compiled pipeline.
    """
    document = read_document(path)
    rules = CONSTRUCTS if component else (*CONSTRUCTS, _settings)
    faults = [fault for task in document.tasks() for rule in rules for fault in rule(document, task)]
    foreign = re.search(r"[^\x00-\x7f]", json.dumps(document.pipeline, ensure_ascii=False, default=str))
    if foreign:
        faults.append(f"the pipeline holds {foreign[0]!a}, outside ASCII: a server's MySQL database may refuse it")
    return faults


def _words(document: Document, task: Task) -> list[str]:
    container: Entry = document.executor(task).get("container", {})
    return [str(word) for word in (*container.get("command", ()), *container.get("args", ()))]


def _structures(document: Document, task: Task) -> Iterator[str]:
    for word in _words(document, task):
        if word.startswith('{"Concat"'):
            yield f"{task.name}: a ConcatPlaceholder reaches the program as JSON text: write an f-string instead"
        elif word.startswith('{"IfPresent"'):
            yield (
                f"{task.name}: an IfPresentPlaceholder is JSON text to servers before 2.17, and never holds for "
                "artifacts: give the input a default instead"
            )


def _placeholders(document: Document, task: Task) -> Iterator[str]:
    for word in _words(document, task):
        for left in LEFT.findall(RESOLVED.sub("", word)):
            yield (
                f"{task.name}: the backend leaves {left} as it stands: read lists, metadata and escaped values from "
                "the executor input, {{$}}"
            )


def _command(document: Document, task: Task) -> Iterator[str]:
    container = document.executor(task).get("container")
    if container is not None and not container.get("command"):
        yield f"{task.name}: no command: the launcher starts the first argument, and never the image's entry point"
    if any("pip install" in word for word in _words(document, task)):
        yield f"{task.name}: installs packages when it starts: compile with install_kfp_package=False"
    if any(len(word.encode()) > LONGEST_WORD for word in _words(document, task)):
        yield f"{task.name}: a word of its command line is longer than the {LONGEST_WORD} bytes that Linux takes"


def _image(document: Document, task: Task) -> Iterator[str]:
    image = document.executor(task).get("container", {}).get("image", "")
    tag = image.rpartition("/")[2].partition(":")[2]
    if "@" not in image and not image.startswith("{{$") and tag in {"", "latest"} and image:
        yield f"{task.name}: the image {image} has no tag that stays: what is cached for it may be another one's"


def _importers(document: Document, task: Task) -> Iterator[str]:
    if "importer" not in document.executor(task):
        return
    yield (
        f"{task.name}: an importer opens other buckets than the pipeline's with the pod's own identity and no "
        "endpoint: let a task fetch the URI"
    )
    if task.looped:
        yield f"{task.name}: an importer in a loop fails on servers to this day"


def _artifacts(document: Document, task: Task) -> Iterator[str]:
    del document
    for name, artifact in task.component.get("inputDefinitions", {}).get("artifacts", {}).items():
        if artifact.get("isOptional"):
            yield f"{task.name}: the artifact {name} is optional, which the backend does not heed: always give one"


def _types(document: Document, task: Task) -> Iterator[str]:
    """Text for a structure or a number: kfp.local passes a loop's untyped item on, the backend refuses it."""
    del document
    around = task.inputs.get("parameters", {})
    wanted = task.component.get("inputDefinitions", {}).get("parameters", {})
    for name, source in task.body.get("inputs", {}).get("parameters", {}).items():
        given = around.get(source.get("componentInputParameter"), {}).get("parameterType")
        kind = wanted.get(name, {}).get("parameterType")
        if "parameterExpressionSelector" not in source and given == "STRING" != kind and kind is not None:
            yield (
                f"{task.name}: {name} is {kind} and gets text: annotate the list that is looped over, such as "
                "list[dict[str, int]] or list[int]"
            )


def _edges(document: Document, task: Task) -> Iterator[str]:
    """Of two artifacts whose outputs have one name the user interface draws the way of one."""
    del document
    seen: dict[str, str] = {}
    for name, source in task.body.get("inputs", {}).get("artifacts", {}).items():
        output = source.get("taskOutputArtifact", {}).get("outputArtifactKey")
        if output in seen:
            yield (
                f"{task.name}: {seen[output]} and {name} both come from an output called {output}, and the user "
                "interface draws the way of one of them: name the outputs differently"
            )
        elif output is not None:
            seen[output] = name


def _settings(document: Document, task: Task) -> Iterator[str]:
    container = document.executor(task).get("container")
    if container is None:
        return
    resources = container.get("resources", {})
    for field, words in RESOURCES.items():
        if not resources.get(field):
            yield f"{task.name}: no {words}"
    if not task.body.get("retryPolicy", {}).get("maxRetryCount"):
        yield f"{task.name}: no retries: one lost node fails the run"


CONSTRUCTS: tuple[Rule, ...] = (_structures, _placeholders, _command, _image, _importers, _artifacts, _types, _edges)
"""The rules that hold for components as well."""
