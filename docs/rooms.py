"""The rooms of the package, as the linter's contract orders them: each with the first sentence of its docstring."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

from page_parts import table

ROOT = Path(__file__).resolve().parents[1]


def layers() -> list[list[str]]:
    """The rooms, the highest layer first."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = project["tool"]["importlinter"]["contracts"]
    return [layer.split(" : ") for layer in contract["layers"]]


def room_table() -> str:
    """A row for each layer: what stands in it, and what each room is."""
    rows = []
    for number, rooms in enumerate(reversed(layers())):
        rows.append((str(number), "<br>".join(f"`{room}`: {_about(room)}" for room in rooms)))
    return table(["floor", "rooms"], reversed(rows))


def _about(room: str) -> str:
    """The first line of a room's docstring, without its full stop."""
    package = ROOT / "components" / "octavo" / room
    file = package / "__init__.py" if package.is_dir() else package.with_suffix(".py")
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    assert text is not None, f"{file} has no docstring"
    return text.splitlines()[0].rstrip(".")
