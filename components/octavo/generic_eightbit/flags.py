"""What quantize_graph's flags ask for: which route a mode takes, and which flags mean something on it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

from octavo.errors import SpecError
from octavo.generic_eightbit.codes import Range

Route = Literal["onednn", "generic", "weights", "weights_rounded"]

DEAD_MODES = {
    "round": "it needs the op RoundToSteps, which no TensorFlow since 1.0 has; wanted weights_rounded, perhaps",
    "quantize": "it ended in a KeyError at the first node of any graph; wanted eightbit, perhaps",
    "test": "it was accepted and then refused as a bad mode; octavo runs every graph once before it is written",
}
"""Modes that the original took and that never did anything -> the reason, with the way out."""

MODES = ("eightbit", "weights", "weights_rounded")

_ONEDNN: frozenset[Route] = frozenset({"onednn"})
_GENERIC: frozenset[Route] = frozenset({"generic"})

FITTING: Mapping[str, tuple[tuple[Any, ...], frozenset[Route], str]] = {
    "bitdepth": ((8,), frozenset({"weights_rounded"}), "only --mode=weights_rounded has other than 8 bits"),
    "strip_redundant_quantization": ((True,), _GENERIC, "only the generic route makes pairs that could be left in"),
    "quantized_input": ((False,), _GENERIC, "only the generic route takes codes as input; the others take floats"),
    "quantized_fallback_min": ((None,), _GENERIC, "only the generic route measures ranges as it runs"),
    "quantized_fallback_max": ((None,), _GENERIC, "only the generic route measures ranges as it runs"),
    "per_channel": ((None, False), _ONEDNN, "only oneDNN's kernels have a scale for each channel"),
    "recipe": ((None,), _ONEDNN, "a recipe is for oneDNN's kernels"),
    "excluded_ops": (((),), _ONEDNN | _GENERIC, "constants are changed whatever reads them"),
    "excluded_nodes": (((),), _ONEDNN | _GENERIC, "constants are changed whatever reads them"),
}
"""Flag -> its values that ask for nothing, the routes that it means something on, and why not on the others."""


def route_of(mode: str | None, intel_cpu_eightbitize: bool | None) -> Route:
    """The route that the flags choose; oneDNN's where neither is given.

    Raises:
        SpecError: on a mode that is dead or unknown, and on --intel_cpu_eightbitize=True with one but eightbit.
    """
    if mode in DEAD_MODES:
        raise SpecError(f"--mode={mode} is not supported: {DEAD_MODES[mode]}")
    if mode not in {None, *MODES}:
        raise SpecError(f"--mode={mode} is unknown; wanted {', '.join(MODES[:-1])} or {MODES[-1]}")
    if mode in {None, "eightbit"}:
        onednn = mode is None if intel_cpu_eightbitize is None else intel_cpu_eightbitize
        return "onednn" if onednn else "generic"
    if intel_cpu_eightbitize:
        raise SpecError(f"--intel_cpu_eightbitize=True goes with --mode=eightbit; got --mode={mode}")
    return "weights" if mode == "weights" else "weights_rounded"


def check_flags(route: Route, flags: Mapping[str, Any]) -> None:
    """Refuse the flags that ask for something that a route has no use for.

    Raises:
        SpecError: naming the flag and the reason.
    """
    for name, (idle, routes, reason) in FITTING.items():
        if route not in routes and flags[name] not in idle:
            raise SpecError(f"--{name} does not go with {_HOW[route]}: {reason}")
    if not flags["quantized_input"] and (flags["quantized_input_min"], flags["quantized_input_max"]) != (0, 1):
        raise SpecError("--quantized_input_min and --quantized_input_max mean nothing without --quantized_input=True")


def input_range(flags: Mapping[str, Any]) -> Range | None:
    """The range of the codes that placeholders are fed with; None where they are fed floats.

    Raises:
        SpecError: when its ends are not finite, or not min < max.
    """
    if not flags["quantized_input"]:
        return None
    return _range("quantized_input", flags["quantized_input_min"], flags["quantized_input_max"])


def fallback_range(flags: Mapping[str, Any]) -> Range | None:
    """The range for what the original would measure; None where it is to be measured.

    Raises:
        SpecError: when one end alone is given, and as `input_range` does.
    """
    low, high = flags["quantized_fallback_min"], flags["quantized_fallback_max"]
    if low is None and high is None:
        return None
    if low is None or high is None:
        raise SpecError("--quantized_fallback_min and --quantized_fallback_max go together; got one of them")
    return _range("quantized_fallback", low, high)


def _range(flag: str, low: float, high: float) -> Range:
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise SpecError(f"--{flag}_min={low:g} and --{flag}_max={high:g} make no range; wanted min < max")
    return Range(low, high)


_HOW: Mapping[Route, str] = {
    "onednn": "--intel_cpu_eightbitize=True",
    "generic": "--mode=eightbit --intel_cpu_eightbitize=False",
    "weights": "--mode=weights",
    "weights_rounded": "--mode=weights_rounded",
}
"""Route -> the flags that choose it."""
