"""The parameters of a run: from a file and flags, checked against those that the pipeline has."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from octavo.errors import SpecError

EVERYDAY = frozenset(
    {"model", "models", "checkpoint", "saved_model", "savedmodel", "graph", "frozen", "frozen_graph", "fp32", "export"}
)
"""What files and folders of models are called whatever the model."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A parameter that the pipeline has.

    Attributes:
        kind: KFP's name of its type; STRING for all of Argo's.
        required: whether it has no default.
        default: what a run that does not give it is to carry; None for nothing.
    """

    kind: str = "STRING"
    required: bool = False
    default: Any = None


def read_parameters(file: Path | None, settings: Sequence[str]) -> dict[str, Any]:
    """The parameters of a YAML or JSON file, and over them those of NAME=VALUE flags.

    Raises:
        SpecError: when the file holds no mapping, or a flag has no name.
    """
    found: Any = {}
    if file is not None:
        try:
            found = yaml.safe_load(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as fault:
            raise SpecError(f"the parameters {str(file)!r} cannot be read: {fault}") from fault
    if not isinstance(found, dict):
        raise SpecError(f"the parameters {str(file)!r} are no mapping from names to values")
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not name or not equals:
            raise SpecError(f"--set {setting!r} is no NAME=VALUE")
        found[name] = value
    return found


def run_name(model_uri: str, now: time.struct_time) -> str:
    """What a run is called: its model and the time, which user interfaces cut behind some 22 letters.

    Of "s3://models/resnet/checkpoint" the model is "resnet", since many folders are called as the last one is.
    """
    scheme, _, path = model_uri.rpartition("://")
    names = [part.partition(".")[0] or part for part in path.split("/") if part]
    inner = names[1:] if scheme not in ("", "file") else names  # the others begin with a bucket
    telling = [name for name in inner if name.lower() not in EVERYDAY and not name.isdecimal()]
    return f"{(telling or names or ['model'])[-1]} {time.strftime('%m-%d %H:%M:%S', now)}"


def checked(given: Mapping[str, Any], wanted: Mapping[str, Wanted]) -> dict[str, Any]:
    """The parameters in the types that the pipeline wants, those left out with their defaults; documents become JSON.

    Raises:
        SpecError: on a parameter that the pipeline has not, on one that is missing, or on one of another type.
    """
    if unknown := sorted(given.keys() - wanted.keys()):
        raise SpecError(f"the pipeline has no parameter {unknown[0]!r}; it has {', '.join(sorted(wanted))}")
    if missing := sorted(name for name, each in wanted.items() if each.required and name not in given):
        raise SpecError(f"these parameters are missing: {', '.join(missing)}; give them with --set or --parameters")
    defaults = {name: each.default for name, each in wanted.items() if each.default is not None}
    return {name: _typed(name, value, wanted[name].kind) for name, value in {**defaults, **given}.items()}


def _typed(name: str, value: Any, kind: str) -> Any:
    try:
        if kind == "NUMBER_INTEGER":
            return _whole(value)
        if kind == "NUMBER_DOUBLE":
            return float(value)
    except (TypeError, ValueError):
        raise SpecError(f"the parameter {name} is {value!r}; wanted a number") from None
    if kind == "BOOLEAN":
        return _truth(name, value)
    return json.dumps(value, default=str) if isinstance(value, dict | list | bool) else str(value)


def _truth(name: str, value: Any) -> bool:
    text = str(value).lower()
    if text not in ("true", "false"):
        raise SpecError(f"the parameter {name} is {value!r}; wanted true or false")
    return text == "true"


def _whole(value: Any) -> int:
    """The whole number that a value says. Raises ValueError for one with a fraction, TypeError for a document."""
    if isinstance(value, float) and not value.is_integer():
        raise ValueError(value)
    return int(value)
