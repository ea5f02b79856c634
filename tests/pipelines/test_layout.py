"""The pipeline as Kubeflow's user interface draws it: what it shows of it when it opens.

The interface lays each layer of a pipeline out by dagre, top to bottom, with dagre's own distances. Each task and each
artifact that a task of the layer puts out, or that the layer is given, is a box of 224 x 48 pixels. Arrows lead from a
task to its artifacts, from an artifact to the tasks that take it, and from a task to those that take one of its
parameters or wait for it. The smallest zoom is 0.5, and the canvas of a window of 1440 x 900 is some 1220 x 740.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Documents = tuple[dict[str, Any], dict[str, Any]]

HERE = Path(__file__).with_name("layout")
MODULES = Path(__file__).resolve().parents[2] / ".venv" / "node_modules"

NODE = Path(sys.executable).with_name("node")

LEAST_ZOOM = 0.5
CANVAS = (1220, 740)
"""Pixels of the canvas in a window of 1440 x 900."""


def boxes(pipeline: dict[str, Any], component: dict[str, Any]) -> list[str]:
    """Of a layer: its tasks, the artifacts that they put out, and those that it is given."""
    found = [f"input {name}" for name in component.get("inputDefinitions", {}).get("artifacts", {})]
    for key, task in component["dag"]["tasks"].items():
        outputs = pipeline["components"][task["componentRef"]["name"]].get("outputDefinitions", {})
        found += [f"task {key}", *(f"{key} {name}" for name in outputs.get("artifacts", {}))]
    return found


def arrows(component: dict[str, Any], drawn: list[str]) -> Iterator[tuple[str, str]]:
    """The arrows of a layer, from box to box."""
    tasks = component["dag"]["tasks"]
    for name in drawn:
        key = name.partition(" ")[0]
        if key in tasks:
            yield f"task {key}", name
    for key, task in tasks.items():
        inputs = task.get("inputs", {})
        for source in inputs.get("artifacts", {}).values():
            made = source.get("taskOutputArtifact")
            box = f"{made['producerTask']} {made['outputArtifactKey']}" if made else ""
            yield box or f"input {source['componentInputArtifact']}", f"task {key}"
        for source in inputs.get("parameters", {}).values():
            if "taskOutputParameter" in source:
                yield f"task {source['taskOutputParameter']['producerTask']}", f"task {key}"
        yield from ((f"task {other}", f"task {key}") for other in task.get("dependentTasks", ()))


def size(pipeline: dict[str, Any], component: dict[str, Any]) -> tuple[float, float]:
    """Width and height of a layer, in pixels at zoom 1."""
    nodes = boxes(pipeline, component)
    edges = sorted(set(arrows(component, nodes)))
    done = subprocess.run(
        [NODE, HERE / "layout.js"],
        input=json.dumps({"nodes": nodes, "edges": edges}),
        env={"NODE_PATH": str(MODULES)},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    return found["width"], found["height"]


def layers(pipeline: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The root, and each pipeline or loop inside it, by its key."""
    inner = {name: each for name, each in pipeline["components"].items() if "dag" in each}
    return {"root": pipeline["root"], **inner}


def test_the_root_and_each_layer_are_seen_whole_when_they_open(documents: Documents) -> None:
    pipeline, _ = documents
    assert len(layers(pipeline)) > 1
    sizes = {name: size(pipeline, layer) for name, layer in layers(pipeline).items()}

    beyond = {
        name: (width, height)
        for name, (width, height) in sizes.items()
        if width * LEAST_ZOOM > CANVAS[0] or height * LEAST_ZOOM > CANVAS[1]
    }
    assert beyond == {}, sizes


def test_a_pipeline_that_is_not_cut_into_parts_would_not_be_seen_whole() -> None:
    # the measure itself: a row of twelve steps with an artifact between each two is too high
    keys = [f"t{number}" for number in range(12)]
    tasks = {
        key: {
            "componentRef": {"name": "c"},
            "inputs": {
                "artifacts": {"a": {"taskOutputArtifact": {"producerTask": before, "outputArtifactKey": "a"}}}
                if before
                else {}
            },
        }
        for key, before in zip(keys, [None, *keys], strict=False)
    }
    component: dict[str, Any] = {"outputDefinitions": {"artifacts": {"a": {}}}}
    width, height = size({"components": {"c": component}}, {"dag": {"tasks": tasks}})

    assert width == 224
    assert height == 24 * 48 + 23 * 50, "dagre's distance between rows is 50 pixels"
    assert height * LEAST_ZOOM > CANVAS[1]
