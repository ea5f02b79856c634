"""Command-line options in the spelling of Intel's and TensorFlow's tools: booleans with a value, comma lists.

@click.option("--print-structure", cls=Bool, default=False, help="Print every node.")
@click.option("--outputs", type=COMMA_LIST, default="", help="Output tensor names, separated by commas.")
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from octavo.errors import SpecError
from octavo.files import expanded

TRUE_WORDS = frozenset({"true", "t", "1"})
FALSE_WORDS = frozenset({"false", "f", "0"})


def read_bool(text: str) -> bool:
    """The boolean that a word says, in any letter case: true, t, 1, false, f or 0.

    Raises:
        SpecError: on any other word.
    """
    word = text.strip().lower()
    if word not in TRUE_WORDS | FALSE_WORDS:
        raise SpecError(f"{text!r} is no boolean; wanted true or false")
    return word in TRUE_WORDS


def read_comma_list(text: str) -> tuple[str, ...]:
    """The entries of a comma list: blanks and empty entries are dropped, so that "" is ()."""
    entries = ("".join(entry.split()) for entry in text.split(","))
    return tuple(entry for entry in entries if entry)


class BoolType(click.ParamType[bool]):
    """Reads `true` and `false` in any letter case."""

    name = "boolean"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bool:
        """The boolean; another word is a usage error."""
        if isinstance(value, bool):
            return value
        try:
            return read_bool(value)
        except SpecError as fault:
            self.fail(str(fault), param, ctx)


class CommaListType(click.ParamType[tuple[str, ...]]):
    """Reads "a, b" as ("a", "b")."""

    name = "comma list"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """The entries, in order."""
        del param, ctx
        return read_comma_list(value) if isinstance(value, str) else tuple(value)


class OptionalPathType(click.ParamType[Path | None]):
    """Reads a path, "~" expanded; an empty one is as good as none."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path | None:
        """The path, or None."""
        del param, ctx
        return expanded(value) if str(value) else None


class NeededPathType(click.ParamType[Path]):
    """Reads a path, "~" expanded; an empty one, which a path would take for the folder here, is a usage error."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path."""
        if not str(value):
            self.fail("the path is empty; wanted the name of a file", param, ctx)
        return expanded(value)


NEEDED_PATH = NeededPathType()
"""The type of options that must name a file."""

OPTIONAL_PATH = OptionalPathType()
"""The type of options that take a path, or nothing, as in `--input_meta_graph=`."""

COMMA_LIST = CommaListType()
"""The type of options that take names separated by commas."""


class Bool(click.Option):
    """A boolean option that takes a value or none: `--flag`, `--flag=false`, `--flag False`."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        defaults = {"metavar": "[true|false]", "show_default": True}
        fixed = {"type": BoolType(), "is_flag": False, "flag_value": "true"}
        super().__init__(*args, **{**defaults, **settings, **fixed})
