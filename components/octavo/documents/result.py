"""The figures of a quantization, as summary.json holds them."""

from __future__ import annotations

from operator import itemgetter
from pathlib import Path
from typing import Any, Self

from pydantic import Field, FiniteFloat

from octavo.documents.document import Document, Part
from octavo.errors import GraphError
from octavo.reading import read_document


class Accuracy(Part):
    """The same measure of both graphs.

    Attributes:
        fp32: percent of the images that the FP32 graph gets right.
        int8: percent of the images that the INT8 graph gets right.
        difference: int8 - fp32, in points; negative where INT8 loses.
        images: labelled images in the validation set.
    """

    fp32: FiniteFloat
    int8: FiniteFloat
    difference: FiniteFloat
    images: int


class Top1(Accuracy):
    """Top-1 of both graphs.

    Attributes:
        flips: images that the two graphs name differently, rightly or not.
        at_chance: whether the FP32 graph's own answers tell no more about the labels than guesses would.
    """

    flips: int
    at_chance: bool = False

    @property
    def same_answers(self) -> float:
        """Percent of the images that both graphs name alike."""
        return 100 * (1 - self.flips / self.images)


class Sizes(Part):
    """The graph files' sizes in bytes."""

    fp32: int
    int8: int


class Rates(Part):
    """Images a second of both graphs at one batch size, and INT8's over FP32's."""

    fp32: float
    int8: float
    ratio: float


class Counts(Part):
    """Nodes that could be INT8, by what became of them."""

    INT8: int
    FP32: int


class Fp32Node(Part):
    """A node that could be INT8 and is not, why, and what would make it so; None where nothing known would."""

    name: str
    op: str
    reason: str
    way_out: str | None = None


class Calibrated(Part):
    """What the ranges were taken from, and what they are.

    Attributes:
        examples: calibration examples; None where the log does not say.
        missing: how many of them were left out with shards that failed, as the recipe allows.
        ranges: activation -> the smallest and the largest value that its codes stand for.
    """

    examples: int | None = None
    missing: int = 0
    ranges: dict[str, tuple[float, float]] = Field(default_factory=dict)


class Result(Document):
    """The figures of a quantization.

    Attributes:
        octavo: the version that made them.
        model: what fetch_model recorded; None where there is no record.
        top1: top-1; None without validation data.
        top5: top-5; None without validation data.
        bytes: file sizes.
        images_per_second: batch size -> speed; empty without a benchmark.
        quantized: how many of the nodes that could be INT8 are.
        fp32_nodes: those that are not.
        other_fp32_ops: op type -> nodes of the INT8 graph that compute in FP32 because octavo has no INT8 form of them.
        tolerance: points of top-1 that INT8 may lose.
        accepted: whether it lost no more, and FP32 is better than chance; None without validation data.
        sha256: checksum of the INT8 graph's file.
        recipe: what was to become INT8, and how.
        calibrated: the ranges of activations; the recipe's part on calibration says how they were taken.
        missing: what could not be measured or drawn, a sentence each.
    """

    octavo: str
    model: dict[str, Any] | None
    top1: Top1 | None
    top5: Accuracy | None
    bytes: Sizes
    images_per_second: dict[str, Rates]
    quantized: Counts
    fp32_nodes: tuple[Fp32Node, ...]
    other_fp32_ops: dict[str, int]
    tolerance: float
    accepted: bool | None
    sha256: str
    recipe: dict[str, Any]
    calibrated: Calibrated = Calibrated()
    missing: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read summary.json. Raises GraphError when the file cannot be read or holds something else."""
        return read_document(
            path,
            cls,
            GraphError,
            unread="the summary {path!r} cannot be read: {why}",
            wrong="{path!r} is no summary of a quantized model ({why}); "
            "wanted the summary.json that `octavo report` writes",
        )

    def metrics(self) -> dict[str, float]:
        """The main figures by name, finite numbers only, as the user interface shows and compares them.

        It shows ten of them, and some 22 letters of a name. What was not measured is left out; of several batch sizes
        the smallest and the largest are in. Shares are in percent.
        """
        figures: dict[str, float] = {}
        if self.accepted is not None:
            figures["accepted"] = int(self.accepted)
        if self.top1 is not None:
            figures["top1_fp32"], figures["top1_int8"] = self.top1.fp32, self.top1.int8
            figures["same_answers"] = round(self.top1.same_answers, 2)
        speeds = self.outer_speeds()
        figures |= {f"speedup_b{batch}": round(rates.ratio, 3) for batch, rates in speeds}
        figures |= {f"int8_per_second_b{batch}": round(rates.int8, 2) for batch, rates in speeds}
        figures["smaller"] = round(self.bytes.fp32 / self.bytes.int8, 3)
        figures["int8_share"] = round(100 * self.quantized.INT8 / (self.quantized.INT8 + self.quantized.FP32), 2)
        return figures

    def outer_speeds(self) -> list[tuple[int, Rates]]:
        """The speeds at the smallest and at the largest batch size; at one or none where there are not two."""
        speeds = sorted(((int(batch), rates) for batch, rates in self.images_per_second.items()), key=itemgetter(0))
        return [*speeds[:1], *speeds[1:][-1:]]
