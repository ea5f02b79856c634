"""Numbers in the type of a graph's input: what that cannot hold is refused, never cut off or wrapped around.

pixel 1 / 255 -> uint8      refused: 0.00392157 is no whole number
pixel 0 - 104 -> uint8      refused: -104 is below 0
pixel 0 - 104 -> int32      -104
"""

from __future__ import annotations

from typing import Any

import numpy as np

from octavo.data.inputs import ModelInput, ModelInputs
from octavo.data.preprocessing import Preprocessing
from octavo.errors import SpecError
from octavo.graph.tensors import Array

WHOLE = {name: np.iinfo(name) for name in ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")}
"""The types of whole numbers, by name."""

ROUNDING = 1e-3
"""How far from a whole number float32 arithmetic may leave what means it. The smallest step of a preset is 1/255."""


MOST_DIGITS = 1e15
"""A float from here on is told in scientific notation."""


def cast(values: Array, dtype: str) -> Array:
    """The values in another type. Those next to whole numbers become these where the type holds such only.

    Raises:
        ValueError: with a value that the type cannot hold.
    """
    if values.dtype == dtype:
        return values
    if dtype != "bool" and dtype not in WHOLE:
        return _as_floats(values, dtype)
    whole = np.rint(values) if values.dtype.kind == "f" else values
    wrong = ~_inside(whole, dtype)
    if whole is not values:
        with np.errstate(invalid="ignore"):
            wrong |= ~(np.abs(values - whole) <= ROUNDING)
    _check_none(values, wrong)
    return whole.astype(dtype)


def holds(dtype: str) -> str:
    """What a type can hold, in words."""
    if dtype == "bool":
        return "0 and 1"
    if dtype in WHOLE:
        return f"whole numbers from {WHOLE[dtype].min} to {WHOLE[dtype].max}"
    return f"numbers within the range of {dtype}"


def check_pixels(inputs: ModelInputs, settings: Preprocessing) -> None:
    """Refuse a formula for pixels that makes of any what an input cannot hold.

    Pixels are taken to be whole numbers from 0 to 255. A formula that divides them by less than 1 is for fractions, one
    that adds something may be for numbers below 0: of those, 0 alone is sure.

    Raises:
        SpecError: with a pixel, and settings that fit.
    """
    if settings.function is not None or not _calculates(settings):
        return
    for taken in inputs.inputs:
        if taken.image(settings.layout) is not None and (taken.dtype == "bool" or taken.dtype in WHOLE):
            _check_formula(taken, settings)


def instead(settings: Preprocessing, dtype: str) -> str:
    """The like settings that leave pixels as they are, or shift them into the numbers of int8."""
    fields = {"preset": "none" if settings.resize == "none" else "raw"}
    fields |= {"resize": "crop"} if settings.resize == "crop" else {}
    fields |= {"channels": "BGR"} if settings.channels == "BGR" else {}
    fields |= {"layout": "NCHW"} if settings.layout == "NCHW" else {}
    fields |= {"mean": "128"} if dtype == "int8" else {}
    return fields["preset"] if len(fields) == 1 else f"{{{', '.join(f'{k}: {v}' for k, v in fields.items())}}}"


def _calculates(settings: Preprocessing) -> bool:
    return (settings.scale, settings.mean, settings.std) != (1.0, 0.0, 1.0)


def _check_formula(taken: ModelInput, settings: Preprocessing) -> None:
    mean, std = np.array(settings.mean, np.float32), np.array(settings.std, np.float32)
    pixels = np.arange(256 if settings.scale >= 1 else 1, dtype=np.float32)
    numbers = (pixels[:, np.newaxis] / np.float32(settings.scale) - mean) / std
    wrong = np.abs(numbers - np.rint(numbers)) > ROUNDING
    sure = slice(None) if np.all(mean >= 0) else slice(1)
    wrong[sure] |= ~_inside(np.rint(numbers[sure]), taken.dtype)
    if wrong.any():
        pixel, channel = np.argwhere(wrong)[0]
        raise SpecError(
            f"the preprocessing makes {_number(numbers[pixel, channel])} of the pixel {pixel}, but the graph's input "
            f"{taken} takes {holds(taken.dtype)}; give a preprocessing that makes such, as "
            f"{instead(settings, taken.dtype)} does"
        )


def _inside(whole: Array, dtype: str) -> Array:
    """Whether a type of whole numbers holds each; False for NaN."""
    low, high = (0, 1) if dtype == "bool" else (WHOLE[dtype].min, WHOLE[dtype].max)
    if whole.dtype.kind != "f":
        return np.asarray((whole >= low) & (whole <= high))
    wide = whole.astype(np.float64)
    return np.asarray((wide >= low) & (wide < high + 1.0))


def _as_floats(values: Array, dtype: str) -> Array:
    with np.errstate(over="ignore"):
        made = values.astype(dtype)
    if values.dtype.kind == "f" or made.dtype.itemsize < 4:
        _check_none(values, np.isinf(made) & np.isfinite(values))
    return made


def _check_none(values: Array, wrong: Array) -> None:
    if wrong.any():
        raise ValueError(_number(values[wrong][0]))


def _number(value: Any) -> str:
    whole = isinstance(value, np.integer | np.bool_) or (float(value).is_integer() and abs(value) < MOST_DIGITS)
    return str(int(value)) if whole else f"{float(value):.6g}"
