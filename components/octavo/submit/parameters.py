"""The parameters of a run: from a file and flags, checked against those that the pipeline has."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from octavo.errors import SpecError


@dataclass(frozen=True, slots=True)
class Wanted:
    """A parameter that the pipeline has.

    Attributes:
        kind: KFP's name of its type; STRING for all of Argo's.
        required: whether it has no default.
    """

    kind: str = "STRING"
    required: bool = False


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


def checked(given: Mapping[str, Any], wanted: Mapping[str, Wanted]) -> dict[str, Any]:
    """The parameters in the types that the pipeline wants; documents become JSON.

    Raises:
        SpecError: on a parameter that the pipeline has not, on one that is missing, or on one of another type.
    """
    if unknown := sorted(given.keys() - wanted.keys()):
        raise SpecError(f"the pipeline has no parameter {unknown[0]!r}; it has {', '.join(sorted(wanted))}")
    if missing := sorted(name for name, each in wanted.items() if each.required and name not in given):
        raise SpecError(f"these parameters are missing: {', '.join(missing)}; give them with --set or --parameters")
    return {name: _typed(name, value, wanted[name].kind) for name, value in given.items()}


def _typed(name: str, value: Any, kind: str) -> Any:
    try:
        if kind == "NUMBER_INTEGER":
            return _whole(value)
        if kind == "NUMBER_DOUBLE":
            return float(value)
    except (TypeError, ValueError):
        raise SpecError(f"the parameter {name} is {value!r}; wanted a number") from None
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def _whole(value: Any) -> int:
    """The whole number that a value says. Raises ValueError for one with a fraction, TypeError for a document."""
    if isinstance(value, float) and not value.is_integer():
        raise ValueError(value)
    return int(value)
