"""The recipe: how a graph is to be quantized, as a small validated document (YAML or JSON).

    per_channel: true
    excluded_ops: [MatMul]
    overrides:
      - {nodes: "head/.*", precision: fp32}
      - {nodes: "block1/.*", per_channel: false}
    last_layer: fp32
    calibration: {max_percentile: 1}

Every field is described at `Recipe`; one left out has its default.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from octavo.errors import RecipeError
from octavo.one_line import how_to_write

Precision = Literal["int8", "fp32"]


IN_ONE_LINE = "{excluded_ops: [MatMul], calibration: {algorithm: kl}}"
"""A recipe as the field of a form takes it."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Target = Literal["fused", "public"]
"""The op sets that INT8 graphs are written with."""

Algorithm = Literal["order_statistic", "min_max", "moving_average", "percentile", "kl", "mse"]
"""How the range of an activation follows from the batches."""

COUNTING: frozenset[Algorithm] = frozenset({"percentile", "kl", "mse"})
"""The algorithms that need a histogram of each activation's values beside its extremes."""


class Calibration(_Part):
    """How ranges are taken: those of activations from what calibration logs, those of weights from the weights.

    Attributes:
        algorithm: of activations. "order_statistic": a percentile of the batches' smallest, and one of their largest,
            values; "min_max": the smallest and the largest value of all; "moving_average": of the batches' smallest and
            largest values, in the data set's order; "percentile": of all values; "kl": the range whose codes keep most
            of the values' distribution (least relative entropy); "mse": the range of the least squared error.
        min_percentile: of order_statistic: the percentile of the batches' smallest values that is the range's low end.
        max_percentile: of order_statistic: the percentile, counted from the top, of the batches' largest values that is
            its high end.
        percentile: of percentile: how much of all values lies within the range, in percent.
        smoothing: of moving_average: the weight of each further batch.
        weights: of weights, for each scale: "min_max", the largest magnitude; "percentile": of the magnitudes; "mse":
            the range of the least squared error.
        required_examples: the share of the calibration examples that ranges are taken from at least. Below 1, shards
            that cannot be calibrated are left out, and the report says so.
    """

    algorithm: Algorithm = "order_statistic"
    min_percentile: Annotated[float, Field(ge=0, le=100)] = 5.0
    max_percentile: Annotated[float, Field(ge=0, le=100)] = 5.0
    percentile: Annotated[float, Field(gt=50, le=100)] = 99.99
    smoothing: Annotated[float, Field(gt=0, le=1)] = 0.1
    weights: Literal["min_max", "percentile", "mse"] = "min_max"
    required_examples: Annotated[float, Field(gt=0, le=1)] = 1.0


class Override(_Part):
    """What is different for some nodes. A field left out keeps what the recipe says for all.

    Of several overrides that match a node and say the same field, the last wins. An override also wins over the
    recipe's exclusions and its policy for the first and last layer, since it is the nearest to the node.

    Attributes:
        nodes: a regular expression; the override holds for nodes whose whole name matches it.
        precision: "fp32" leaves the nodes as they are, "int8" quantizes them although another rule excludes them.
        per_channel: one weight scale for each output channel, or one for the whole tensor; convs and matmuls only.
        signed_inputs: quantize the node although its input may be negative, or leave it; convs and matmuls only.
    """

    nodes: str
    precision: Precision | None = None
    per_channel: bool | None = None
    signed_inputs: bool | None = None

    @field_validator("nodes")
    @classmethod
    def _is_a_pattern(cls, text: str) -> str:
        return _pattern(text)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.precision is None and self.per_channel is None and self.signed_inputs is None:
            raise ValueError("an override needs one of precision, per_channel and signed_inputs")
        return self


class Recipe(_Part):
    """What becomes INT8, and how. Every field has a default; the empty document is the default recipe.

    A rule that matches no node of the graph is an error that names it.

    Attributes:
        per_channel: one weight scale for each output channel (true) or one for the whole tensor.
        signed_inputs: quantize ops whose input may be negative, the first conv's image included.
        excluded_ops: op types that stay FP32, e.g. ["DepthwiseConv2dNative"].
        excluded_nodes: regular expressions; a node whose whole name matches one stays FP32.
        overrides: what is different for some nodes, by regular expressions; the last that matches wins.
        first_layer: "fp32" leaves the convs and matmuls as they are that an input of the graph reaches without
            passing another one.
        last_layer: "fp32" leaves those as they are from which no other one is reached.
        bias: "float32", or "qint32" for biases rounded to multiples of input scale times weight scale. Matmuls, and
            convs whose bias is too large for 32 bits so, keep float32 biases.
        bias_correction: add to each bias what rounding the weights takes from it on average over the calibration data.
        equalize_weights: before quantizing, scale the channels between two convs so that the weights on both sides
            spread alike; does nothing where a Relu6 stands between them.
        split_concats: let a conv behind a concat of two tensors read them one by one, its kernel adding the two
            results, where that is less work than to join them.
        target: the op set to emit: "fused" for TensorFlow's newer `_FusedQuantized...` ops, "public" for the ops under
            Intel's names (`QuantizedConv2DWithBiasAndReluAndRequantize` ...).
        calibration: how ranges are taken.
    """

    per_channel: bool = True
    signed_inputs: bool = True
    excluded_ops: tuple[str, ...] = ()
    excluded_nodes: tuple[str, ...] = ()
    overrides: tuple[Override, ...] = ()
    first_layer: Precision = "int8"
    last_layer: Precision = "int8"
    bias: Literal["float32", "qint32"] = "float32"
    bias_correction: bool = True
    equalize_weights: bool = False
    split_concats: bool = True
    target: Target = "fused"
    calibration: Calibration = Calibration()

    @field_validator("excluded_nodes")
    @classmethod
    def _are_patterns(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_pattern(text) for text in texts)

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
        except (yaml.YAMLError, RecursionError) as fault:
            if joined := how_to_write("recipe", text, cls.parse, IN_ONE_LINE):
                raise RecipeError(joined) from fault
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


def _pattern(text: str) -> str:
    """The text, when it is a regular expression."""
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as fault:
        raise ValueError(f"no regular expression: {fault}") from fault
    return text


def _faults(fault: ValidationError) -> str:
    lines = []
    for error in fault.errors():
        where = ".".join(str(part) for part in error["loc"])
        hint = f", got {error['input']!r}"
        if error["type"] == "extra_forbidden":
            hint = f" (fields: {', '.join(_PARTS.get(str(error['loc'][0]), Recipe).model_fields)})"
        lines.append(f"{where}: {error['msg'].removeprefix('Value error, ')}{hint}")
    return "; ".join(lines)


_PARTS: dict[str, type[_Part]] = {"calibration": Calibration, "overrides": Override}
"""Field -> the kind of document that it holds."""
