"""The tables of README.md that say what the code says: the recipe, the presets, the pipeline's parameters."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from docstring_parser import DocstringStyle, parse
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from octavo.data.preprocessing import PRESETS, Preprocessing
from octavo.recipe import Recipe
from page_parts import table

KINDS = {"STRING": "text", "NUMBER_INTEGER": "whole number", "NUMBER_DOUBLE": "number", "BOOLEAN": "true or false"}
"""KFP's names of types, in words."""


def sections(pipeline: Mapping[str, Any]) -> dict[str, str]:
    """Section of README.md -> its text."""
    return {
        "parameters": parameter_table(pipeline["root"]["inputDefinitions"]["parameters"]),
        "recipe": table(["field", "default", "meaning"], field_rows(Recipe)),
        "preprocessing": table(["field", "default", "meaning"], field_rows(Preprocessing)),
        "presets": preset_table(),
    }


def parameter_table(parameters: Mapping[str, Any]) -> str:
    """The parameters of a compiled pipeline, those that must be given first."""
    names = sorted(parameters, key=lambda name: (parameters[name].get("isOptional", False), name))
    return table(["parameter", "type", "default", "meaning"], (_parameter(name, parameters[name]) for name in names))


def field_rows(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """A row for each field of a document, and of the documents in it: name, default and meaning."""
    meanings = _attributes(model)
    for name, field in model.model_fields.items():
        inner = _inner(field.annotation)
        yield f"`{prefix}{name}`", _default(field), meanings[name]
        if inner is not None:
            yield from field_rows(inner, f"{prefix}{name}.")


def preset_table() -> str:
    """The presets: what differs from the defaults."""
    default = Preprocessing()
    rows = []
    for name, preset in PRESETS.items():
        differing = {key: value for key, value in preset.model_dump().items() if value != getattr(default, key)}
        rows.append((f"`{name}`", ", ".join(f"`{key}: {json.dumps(value)}`" for key, value in differing.items())))
    return table(["preset", "fields"], rows)


def _parameter(name: str, parameter: Mapping[str, Any]) -> tuple[str, str, str, str]:
    kind = parameter["parameterType"]
    default = "(must be given)"
    if parameter.get("isOptional"):
        value = parameter["defaultValue"]
        default = f"`{json.dumps(int(value) if kind == 'NUMBER_INTEGER' else value)}`"  # KFP writes 10 as 10.0
    return f"`{name}`", KINDS[kind], default, parameter["description"]


def _attributes(model: type[BaseModel]) -> dict[str, str]:
    """Field -> what the class's text says of it, on one line."""
    found = parse(model.__doc__ or "", DocstringStyle.GOOGLE).params
    return {each.arg_name: re.sub(r"\s+", " ", each.description or "") for each in found}


def _inner(annotation: Any) -> type[BaseModel] | None:
    """The kind of document that a field holds, alone or in a list."""
    for each in (annotation, *get_args(annotation)):
        if isinstance(each, type) and issubclass(each, BaseModel):
            return each
    return None


def _default(field: FieldInfo) -> str:
    """The default as JSON; nothing for a field that must be given, and for one that is a document."""
    default = field.get_default()
    return "" if field.is_required() or isinstance(default, BaseModel) else f"`{json.dumps(default)}`"
