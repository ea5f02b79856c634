"""The HTML page: one file that needs no other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from octavo.report import wording
from octavo.report.charts import ops_chart, ranges_chart, speed_chart
from octavo.report.documents import FetchedModel, ModelSummary, Timings
from octavo.report.int8_graph import Range
from octavo.report.result import Counts, Result

TEMPLATE = "page.html.j2"

MOST_CHARTED_RANGES = 150
"""More tensors than that are tabled without a chart."""


@dataclass(frozen=True, slots=True)
class Details:
    """What the page shows beyond the figures.

    Attributes:
        summary: what summarize_graph found.
        model: what fetch_model recorded; None where there is no record.
        timings: what benchmark measured; None where it did not run.
        by_op: op type -> how many of its nodes are INT8.
        ranges: the ranges of the INT8 graph's 8-bit tensors.
        conversions: nodes that convert between float and 8-bit numbers in the INT8 graph.
        fp32_sha256: checksum of the FP32 graph's file.
    """

    summary: ModelSummary
    model: FetchedModel | None
    timings: Timings | None
    by_op: Mapping[str, Counts]
    ranges: tuple[Range, ...]
    conversions: int
    fp32_sha256: str


def render(result: Result, details: Details) -> str:
    """The page, in ASCII; equal figures give equal pages."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    for name in ("percent", "points", "file_size"):
        environment.filters[name] = getattr(wording, name)
    page = environment.get_template(TEMPLATE).render(
        result=result,
        details=details,
        name=_name(details.model),
        verdict=wording.verdict(result),
        reason=wording.verdict_reason(result),
        tolerance=wording.tolerance(result),
        size_change=wording.size_change(result.bytes.fp32, result.bytes.int8),
        recipe=json.dumps(result.recipe, indent=2),
        charts=_charts(details),
    )
    return page.encode("ascii", "xmlcharrefreplace").decode("ascii")


def _charts(details: Details) -> dict[str, str]:
    charts = {}
    if details.timings is not None:
        charts["speed"] = speed_chart(details.timings.batches)
    if details.by_op:
        charts["ops"] = ops_chart(details.by_op)
    if 0 < len(details.ranges) <= MOST_CHARTED_RANGES:
        charts["ranges"] = ranges_chart(details.ranges)
    return charts


def _name(model: FetchedModel | None) -> str:
    """The model's file, or its folder after the one around it: a folder is often just called "model"."""
    if model is None:
        return "Quantization report"
    path = PurePosixPath(model.uri.partition("://")[2] or model.uri)
    return path.name if path.suffix else "/".join(path.parts[-2:]).replace("//", "/")
