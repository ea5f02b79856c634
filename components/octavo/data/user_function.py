"""A preprocessing function of the user's own, by its import path."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from octavo.errors import DataError, SpecError
from octavo.graph.tensors import Array


class UserFunction:
    """A function, looked up once and called for each example, by several threads.

    Args:
        path: `module:name`; the module is looked for in the present folder as well.

    Raises:
        SpecError: when there is no such function.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._function = _imported(path)

    def of_one(self, value: Array, where: str) -> Array:
        """What the function makes of an example of one feature. Raises DataError when it fails."""
        made = self._called(value, where)
        if isinstance(made, Mapping):
            raise DataError(f"{self._path} gave a dictionary; the graph has one input, which wants an array")
        return _array(made, self._path)

    def of_all(self, example: Mapping[str, Array], inputs: Sequence[str], where: str) -> Mapping[str, Array]:
        """What the function makes of an example's features, by input. Raises DataError when it fails."""
        made = self._called(example, where)
        if not isinstance(made, Mapping) or not set(inputs) <= set(made):
            found = f"the keys {', '.join(map(str, made))}" if isinstance(made, Mapping) else f"a {type(made).__name__}"
            raise DataError(f"{self._path} gave {found}; wanted a dictionary with an array for {', '.join(inputs)}")
        return {name: _array(made[name], self._path) for name in inputs}

    def _called(self, argument: Any, where: str) -> Any:
        try:
            return self._function(argument)
        except Exception as fault:  # it is the user's code, which may raise anything
            raise DataError(
                f"the preprocessing function {self._path} failed on an example of {where!r}: "
                f"{type(fault).__name__}: {fault}"
            ) from fault


def _imported(path: str) -> Callable[[Any], Any]:
    module, _, name = path.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as fault:
        raise SpecError(
            f"there is no preprocessing function {path!r}: {fault}; wanted module:name of a module in this folder, on "
            "PYTHONPATH or installed"
        ) from fault
    if not callable(found):
        raise SpecError(f"{path!r} is a {type(found).__name__}; wanted a function")
    return found  # type: ignore[no-any-return]  # whether it takes an example, its first call tells


def _array(made: Any, path: str) -> Array:
    array = np.asarray(made)
    if array.dtype.kind not in "uifb":
        raise DataError(f"{path} gave {array.dtype}; wanted an array of numbers")
    return array
