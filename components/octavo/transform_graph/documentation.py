"""What the transforms say of themselves: their list, and one transform's help, from signatures and docstrings."""

from __future__ import annotations

import difflib
import inspect

from octavo.errors import SpecError
from octavo.transform_graph.catalog import TRANSFORMS
from octavo.transform_graph.language import IGNORE_ERRORS, Transform, kind_of, parameters


def transform_list() -> str:
    """Every transform's name, with the first line of its documentation."""
    width = max(len(transform.__name__) for transform in TRANSFORMS)
    return "\n".join(f"{t.__name__:{width}}  {_first_line(t)}" for t in TRANSFORMS)


def transform_help(name: str) -> str:
    """One transform: its parameters, what it does, with an example.

    Raises:
        SpecError: when there is no transform of that name.
    """
    for transform in TRANSFORMS:
        if transform.__name__ == name.replace("-", "_"):
            module = inspect.getdoc(inspect.getmodule(transform)) or ""
            return f"{_usage(transform)}\n\n{module}\n\n{inspect.getdoc(transform) or ''}"
    near = difflib.get_close_matches(name, [transform.__name__ for transform in TRANSFORMS], n=3)
    hint = f"near names: {', '.join(near)}" if near else "--list names them all"
    raise SpecError(f"transform {name!r} is not recognized; {hint}")


def _usage(transform: Transform) -> str:
    """The transform as a list calls it: remove_nodes(op=str, ..., max_inputs=1)."""
    words = []
    for name, each in parameters(transform).items():
        kind = kind_of(each)
        if kind.startswith("tuple"):
            words.append(f"{name}={kind[6:].split(',', maxsplit=1)[0]}, ...")
        elif each.default is each.empty:
            words.append(f"{name}={kind}")
        elif isinstance(each.default, bool | str):
            words.append(
                f'{name}="{each.default}"' if isinstance(each.default, str) else f"{name}={each.default}".lower()
            )
        else:
            words.append(f"{name}={each.default}")
    return f"{transform.__name__}({', '.join([*words, f'{IGNORE_ERRORS}=false'])})"


def _first_line(transform: Transform) -> str:
    return (inspect.getdoc(transform) or "").split("\n", 1)[0]
