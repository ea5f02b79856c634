"""How an image becomes a model's input: presets by name, and documents of the same fields."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from octavo.errors import SpecError
from octavo.one_line import how_to_write

IN_ONE_LINE = "{preset: torch, size: 299}"
"""A document as the field of a form takes it."""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]


def _pair(value: Any) -> Any:
    """One number stands for a square."""
    return (value, value) if isinstance(value, int) else value


class Preprocessing(BaseModel):
    """How an image becomes a model's input.

    Attributes:
        resize: "squash" the whole image to the size, "crop" the centre in the size's proportions first, or "none". An
            image that has the size already is used whole.
        interpolation: how pixels between pixels are found: "bicubic" and "bilinear" as Pillow does (antialiased), or
            "nearest".
        crop_fraction: how much of the largest centred part "crop" keeps, along each side.
        size: height and width, or one number for both; what the graph's placeholder says where left out.
        channels: the order of a colour's channels.
        scale: what pixels are divided by.
        mean: what is subtracted then: one number, or one for each channel in the order of `channels`.
        std: what is divided by last: as `mean`.
        layout: the order of a batch's axes: "NHWC" has the channels last, "NCHW" behind the batch.
        function: a function of one's own in place of all the fields above, as `module:name`. It gets one example, as
            NumPy arrays, and gives what goes into the graph: for a graph of one input an array for an array (a decoded
            image is uint8 [height, width, channels]), for others a dictionary by input for one by feature.
        features: the feature of the data set that goes into an input of the graph, where the two have other names:
            `{input: feature}`.
        label: the feature that is the label; where left out, `image/class/label` or `label` of a TFRecord file, and `y`
            of arrays.
        label_offset: the class of label 0; where left out, 1 for graphs of 1001 classes and labels below 1000 (a
            background class), else 0.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    resize: Literal["squash", "crop", "none"] = "squash"
    interpolation: Literal["bicubic", "bilinear", "nearest"] = "bicubic"
    crop_fraction: Annotated[float, Field(gt=0, le=1)] = 0.875
    size: Annotated[tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]] | None, BeforeValidator(_pair)] = (
        None
    )
    channels: Literal["RGB", "BGR"] = "RGB"
    scale: Positive = 1.0
    mean: Number | tuple[Number, ...] = 0.0
    std: Positive | tuple[Positive, ...] = 1.0
    layout: Literal["NHWC", "NCHW"] = "NHWC"
    function: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")] | None = None
    features: dict[str, str] = {}
    label: str | None = None
    label_offset: int | None = None

    @property
    def changes_numbers(self) -> bool:
        """Whether pixels are not used as they are stored."""
        return (self.scale, self.mean, self.std, self.channels) != (1.0, 0.0, 1.0, "RGB")


INCEPTION = Preprocessing(scale=127.5, mean=1.0)

VGG = Preprocessing(resize="crop", mean=(123.68, 116.78, 103.94))

PRESETS = {
    "none": Preprocessing(resize="none"),
    "raw": Preprocessing(),
    "unit": Preprocessing(scale=255.0),
    "inception": INCEPTION,
    "mobilenet": INCEPTION,
    "efficientnet-lite": Preprocessing(resize="crop", mean=127.0, std=128.0),
    "vgg": VGG,
    "resnet": VGG,
    "caffe": Preprocessing(channels="BGR", mean=(104.0, 117.0, 123.0)),
    "torch": Preprocessing(resize="crop", scale=255.0, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
}
"""Name -> how the models of that family were trained: "vgg" and "resnet" as TensorFlow's slim models have it."""


def preprocessing(name_or_document: str) -> Preprocessing:
    """Read a preset's name, or a YAML or JSON document of fields; `preset:` in it names the preset to start from.

    Raises:
        SpecError: on an unknown preset or field, or a value of the wrong type; the message names it.
    """
    import yaml

    try:
        document: Any = yaml.safe_load(name_or_document)
    except (yaml.YAMLError, RecursionError) as fault:
        if joined := how_to_write("preprocessing", name_or_document, preprocessing, IN_ONE_LINE):
            raise SpecError(joined) from fault
        raise SpecError(
            f"the preprocessing is neither a preset, YAML nor JSON: {' '.join(str(fault).split())[:200]}"
        ) from fault
    if isinstance(document, str):
        return _preset(document)
    if not isinstance(document, dict):
        raise SpecError(
            f"the preprocessing is {name_or_document!r}; wanted a preset ({', '.join(PRESETS)}) or fields such as "
            "{scale: 255}"
        )
    return _from_fields(document)


def _preset(name: Any) -> Preprocessing:
    if name not in PRESETS:
        raise SpecError(f"there is no preprocessing preset {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name]


def _from_fields(document: dict[Any, Any]) -> Preprocessing:
    fields = {str(key): value for key, value in document.items()}
    base = _preset(fields.pop("preset")) if "preset" in fields else Preprocessing()
    try:
        return Preprocessing.model_validate({**base.model_dump(), **fields})
    except ValidationError as fault:
        raise SpecError(f"the preprocessing is not valid: {_faults(fault)}") from fault


def _faults(fault: ValidationError) -> str:
    known = ", ".join(("preset", *Preprocessing.model_fields))
    lines = []
    for error in fault.errors():
        where = ".".join(str(part) for part in error["loc"])
        hint = f" (fields: {known})" if error["type"] == "extra_forbidden" else f", got {error['input']!r}"
        lines.append(f"{where}: {error['msg']}{hint}")
    return "; ".join(lines)
