"""The recipe: how a graph is to be quantized, as a small validated document (YAML or JSON)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from octavo.errors import RecipeError


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Calibration(_Part):
    """How the ranges of activations are taken from the min/max log.

    Attributes:
        min_percentile: the percentile of the batches' smallest values that becomes the range's low end.
        max_percentile: the percentile, counted from the top, of the batches' largest values that becomes its high end.
    """

    min_percentile: Annotated[int, Field(ge=0, le=99)] = 5
    max_percentile: Annotated[int, Field(ge=0, le=99)] = 5


class Recipe(_Part):
    """What becomes INT8, and how. Every field has a default; the empty document is the default recipe.

    Attributes:
        per_channel: one weight scale for each output channel (true) or one for the whole tensor.
        signed_inputs: quantize ops whose input may be negative, the first conv's image included.
        excluded_ops: op types that stay FP32, e.g. ["DepthwiseConv2dNative"].
        excluded_nodes: regular expressions; a node whose whole name matches one stays FP32.
        bias_correction: add to each bias what rounding the weights takes from it on average over the calibration data.
        target: the op set to emit: "fused" for TensorFlow's newer `_FusedQuantized...` ops, "public" for the ops under
            Intel's names (`QuantizedConv2DWithBiasAndReluAndRequantize` ...).
        calibration: how activation ranges are taken from the log.
    """

    per_channel: bool = True
    signed_inputs: bool = True
    excluded_ops: tuple[str, ...] = ()
    excluded_nodes: tuple[str, ...] = ()
    bias_correction: bool = True
    target: Literal["fused", "public"] = "fused"
    calibration: Calibration = Calibration()

    def with_exclusions(self, ops: Sequence[str], nodes: Sequence[str]) -> Recipe:
        """The recipe with more op types, and more node names taken literally, that stay FP32."""
        names = tuple(re.escape(name) for name in nodes)
        return self.model_copy(
            update={
                "excluded_ops": (*self.excluded_ops, *ops),
                "excluded_nodes": (*self.excluded_nodes, *names),
            }
        )

    @classmethod
    def parse(cls, text: str) -> Recipe:
        """Read a recipe from YAML or JSON text; empty text is the default recipe.

        Raises:
            RecipeError: when the text is not YAML, or a field is unknown or of the wrong type; the message names it.
        """
        import yaml

        try:
            document: Any = yaml.safe_load(text)
        except yaml.YAMLError as fault:
            raise RecipeError(f"the recipe is neither YAML nor JSON: {' '.join(str(fault).split())[:200]}") from fault
        if document is None:
            return cls()
        if not isinstance(document, dict):
            raise RecipeError(f"the recipe is a {type(document).__name__}; wanted fields such as 'per_channel: true'")
        try:
            return cls.model_validate(document)
        except ValidationError as fault:
            raise RecipeError(f"the recipe is not valid: {_faults(fault)}") from fault


def load_recipe(path: str | Path | None) -> Recipe:
    """Read a recipe file; None is the default recipe. Raises RecipeError as `Recipe.parse` does, or when unreadable."""
    if path is None:
        return Recipe()
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise RecipeError(f"the recipe file {str(path)!r} cannot be read: {fault}") from fault
    return Recipe.parse(text)


def _faults(fault: ValidationError) -> str:
    known = ", ".join(Recipe.model_fields)
    lines = []
    for error in fault.errors():
        where = ".".join(str(part) for part in error["loc"])
        hint = f" (fields: {known})" if error["type"] == "extra_forbidden" else f", got {error['input']!r}"
        lines.append(f"{where}: {error['msg']}{hint}")
    return "; ".join(lines)
