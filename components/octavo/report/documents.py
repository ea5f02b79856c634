"""What the earlier steps wrote, as far as the report reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from octavo.errors import GraphError
from octavo.runtime.machine import Machine


class _Document(BaseModel):
    """Fields that the report does not read are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class Input(_Document):
    """An input of the model."""

    name: str
    dtype: str | None = None
    shape: tuple[int | None, ...] | None = None


class Output(_Document):
    """An output of the model."""

    name: str
    op: str | None = None


class ModelSummary(_Document):
    """What summarize_graph found: all that could be fed and fetched, and the names that the later steps use."""

    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    const_parameters: int = 0
    variable_parameters: int = 0


class Verdict(_Document):
    """What became of one node that could be INT8."""

    name: str
    op: str
    verdict: str
    kind: str | None = None
    reason: str | None = None
    way_out: str | None = None


class Decisions(_Document):
    """What quantize_graph decided."""

    recipe: dict[str, Any]
    nodes: tuple[Verdict, ...]


class Evaluation(_Document):
    """The accuracy that evaluate measured: images, and how many of them each measure counts right."""

    images: int
    correct1: int
    correct5: int | None = None
    predictions: tuple[int, ...]
    at_chance: bool = False


class Speed(_Document):
    """How fast one graph ran."""

    images_per_second: float
    images_per_second_quartiles: tuple[float, float]
    latency_ms_p50: float
    latency_ms_p90: float


class BatchSpeed(_Document):
    """Both graphs at one batch size; `ratio` is INT8's images a second over FP32's."""

    batch: int
    fp32: Speed
    int8: Speed
    ratio: float


class Timings(_Document):
    """What benchmark measured."""

    batches: tuple[BatchSpeed, ...]
    fixed_batch: int | None = None
    rounds: int
    machine: Machine


class Untimed(_Document):
    """What stands in the place of timings where the graphs could not be timed: why; None beside timings."""

    missing: str | None = None


class ModelFile(_Document):
    """A file of the model as it was fetched."""

    path: str
    bytes: int
    sha256: str


class FetchedModel(_Document):
    """What fetch_model recorded."""

    uri: str
    kind: str
    files: tuple[ModelFile, ...] = ()


D = TypeVar("D", bound=_Document)


def read_document(path: Path, kind: type[D], step: str) -> D:
    """Read a JSON document.

    Args:
        path: the file.
        kind: what it should hold.
        step: the step that writes it, for the error's text.

    Raises:
        GraphError: when the file cannot be read or is something else.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as fault:
        raise GraphError(f"the file {str(path)!r} cannot be read: {fault.strerror}; wanted {step}'s") from fault
    except ValidationError as fault:
        first = fault.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise GraphError(f"{str(path)!r} is not what {step} writes: {where}: {first['msg']}") from fault
