"""What the parameters of a run may be, known before anything starts: the last step is a late place to learn it."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from octavo import flow
from octavo.errors import SpecError, StorageError
from octavo.storage import parse_uri

Flavour = Literal["Kubeflow Pipelines", "Argo Workflows"]

MOST_TURNS: Mapping[Flavour, int] = {"Kubeflow Pipelines": 250, "Argo Workflows": 2000}
"""How many turns, of all its loops together, one run carries: the states of its nodes must fit into one Workflow.

On Kubeflow Pipelines 2.17 a turn takes 28 kB and the rest of a run 650 kB, which Argo compresses to a ninth at least:
250 turns and the Workflow's specification are 0.93 MB of the 1 MiB that there is. Argo Workflows took 812 kB for 200.
"""

MOST_INDEXES = 10_000
"""How many shards one Indexed Job runs. Kubernetes takes ten times as many; what is behind it fetches each log."""

JOB_COMPONENTS = frozenset({"calibrate_in_job", "evaluate_in_job"})
"""The components that run the shards of a step as one Indexed Job in place of a loop."""

IN_JOB = "OCTAVO_SHARDS_IN_JOB"
"""The variable that tells a step which plans shards that they run so."""

MARKS: Mapping[str, Flavour] = {"KFP_POD_NAME": "Kubeflow Pipelines", "ARGO_CONTAINER_NAME": "Argo Workflows"}
"""A variable that each flavour sets in its steps. Those of Kubeflow Pipelines are steps of Argo's as well."""

URIS = ("model_uri", "calibration_uri", "validation_uri", "target_uri", "work_uri")

LEAST: Mapping[str, float] = {
    "shards": 1,
    "evaluation_shards": 1,
    "batch_size": 1,
    "calibration_limit": 0,
    "tolerance": 0,
}
"""The least that a number may be."""


def check_run(given: Mapping[str, Any], flavour: Flavour, *, in_job: bool = False) -> None:
    """Refuse the parameters of a run that cannot end well.

    Args:
        given: name -> value, or the value's text; those that are left out have defaults that can be.
        flavour: where it is to run.
        in_job: whether the shards of a step are one Indexed Job there.

    Raises:
        SpecError: on a URI of no store, a number out of its range, or more shards than a run carries there.
        SpecError, RecipeError: on a recipe or a preprocessing that cannot be read.
    """
    for name in URIS:
        if given.get(name) not in (None, ""):
            _read(name, given[name], lambda text: parse_uri(str(text)))
    for name, least in LEAST.items():
        if name in given and not least <= _number(name, given[name]) < math.inf:
            raise SpecError(f"the parameter {name} is {given[name]!r}; wanted {least:g} or more")
    check_documents(given)
    _check_amounts(given, flavour, in_job=in_job)


def check_documents(given: Mapping[str, Any]) -> None:
    """Read `recipe` and `preprocessing`, where they are given, as the steps will.

    Raises:
        SpecError, RecipeError: when they would not; one that a form has joined into one line is told how to write.
    """
    from octavo.data.preprocessing import preprocessing
    from octavo.recipe import Recipe

    if given.get("recipe"):
        Recipe.parse(_text(given["recipe"]))
    if given.get("preprocessing"):
        preprocessing(_text(given["preprocessing"]))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _check_amounts(given: Mapping[str, Any], flavour: Flavour, *, in_job: bool) -> None:
    shards = _number("shards", given.get("shards", flow.SHARDS))
    evaluations = _number("evaluation_shards", given.get("evaluation_shards", flow.EVALUATION_SHARDS))
    if in_job:
        _check_indexes("shards", shards)
        _check_indexes("evaluation_shards", evaluations)
    else:
        turns = shards + 2 * evaluations
        _check_turns(f"shards and twice evaluation_shards are {turns:g} (two graphs are evaluated)", turns, flavour)


def check_shards(shards: int) -> None:
    """Refuse more shards than a loop, or a Job, carries where this process runs; elsewhere, than a plan holds.

    Raises:
        SpecError: when there are too many.
    """
    flavour = next((flavour for mark, flavour in MARKS.items() if mark in os.environ), None)
    if flavour is None or os.environ.get(IN_JOB):
        _check_indexes("shards", shards)
    else:
        _check_turns(f"shards is {shards}", shards, flavour)


def runs_in_job(containers: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the containers of a pipeline's steps run the shards of a step as one Indexed Job."""
    words = (word for each in containers for word in (*each.get("command", ()), *each.get("args", ())))
    return not JOB_COMPONENTS.isdisjoint(words)


def _check_indexes(name: str, shards: float) -> None:
    if shards > MOST_INDEXES:
        raise SpecError(f"{name} is {shards:g}; wanted {MOST_INDEXES} or fewer: the result is the same")


def _check_turns(what: str, turns: float, flavour: Flavour) -> None:
    most, elsewhere = MOST_TURNS[flavour], max(MOST_TURNS.values())
    if turns <= most:
        return
    others = [f"the chart in mode argo carries {elsewhere}"] if elsewhere > most else []
    others.append(f"shards of an Indexed Job (indexedJob.enabled in the chart's values) may be {MOST_INDEXES}")
    raise SpecError(
        f"{what}, more than the {most} that one run on {flavour} carries; give it fewer, with the same result; "
        f"{', and '.join(others)}"
    )


def _number(name: str, value: Any) -> float:
    return float(_read(name, value, float))


def _read(name: str, value: Any, read: Callable[[Any], Any]) -> Any:
    try:
        return read(value)
    except StorageError as fault:
        raise SpecError(f"the parameter {name}: {fault}") from fault
    except (TypeError, ValueError):
        raise SpecError(f"the parameter {name} is {value!r}; wanted a number") from None
