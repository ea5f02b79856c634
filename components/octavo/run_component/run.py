"""Call a KFP component's function with artifacts that are files here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from octavo.files import write_json


def run_component(component: Any, given: Mapping[str, Any]) -> Any:
    """Call the function that a component's pods run.

    Args:
        component: one of octavo.components.
        given: for each input and output artifact, and each parameter that is put out as a file, a path, and for each
            other parameter its value. Folders of outputs are made. An output that the function describes but does not
            write (figures for the UI) becomes a JSON file of that description.

    Returns:
        What the function returns.

    Raises:
        OctavoError: as the step does.
    """
    spec = component.component_spec
    arguments = dict(given)
    outputs = {}
    for name, each in (spec.inputs or {}).items():
        if is_artifact(each.type):
            arguments[name] = _artifact(each.type, Path(given[name]))
    for name, each in (spec.outputs or {}).items():
        if name in given:
            Path(given[name]).parent.mkdir(parents=True, exist_ok=True)
        if is_artifact(each.type):
            arguments[name] = outputs[name] = _artifact(each.type, Path(given[name]))
    returned = component.python_func(**arguments)
    for artifact in outputs.values():
        if artifact.metadata and not Path(artifact.path).exists():
            write_json(artifact.path, dict(artifact.metadata))
    return returned


def is_artifact(kind: str) -> bool:
    """Whether a type of a component's specification is an artifact's, such as system.Model@0.0.1."""
    return kind.startswith("system.")


def _artifact(kind: str, path: Path) -> Any:
    from kfp import dsl

    made = getattr(dsl, kind.removeprefix("system.").split("@", maxsplit=1)[0])
    return made(uri=str(path))
