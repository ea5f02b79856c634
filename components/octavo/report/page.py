"""The HTML page: one file that needs no other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path, PurePosixPath

from octavo.documents.model_record import ModelRecord
from octavo.documents.result import Counts, Result
from octavo.documents.summary import Summary
from octavo.documents.timings import Timings
from octavo.report import wording
from octavo.report.charts import ops_chart, ranges_chart, speed_chart
from octavo.report.int8_graph import Range
from octavo.report.missing import Missing

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

    summary: Summary
    model: ModelRecord | None
    timings: Timings | None
    by_op: Mapping[str, Counts]
    ranges: tuple[Range, ...]
    conversions: int
    fp32_sha256: str


@dataclass(frozen=True, slots=True)
class Charts:
    """SVG elements; None for one that there is nothing to draw for, or that could not be drawn."""

    speed: str | None
    ops: str | None
    ranges: str | None


def drawn(details: Details, missing: Missing) -> Charts:
    """The charts; what cannot be drawn goes into `missing`."""
    timings, by_op, ranges = details.timings, details.by_op, details.ranges
    charted = 0 < len(ranges) <= MOST_CHARTED_RANGES
    return Charts(
        missing.unless_made("the chart of speeds", lambda: speed_chart(timings.batches)) if timings else None,
        missing.unless_made("the chart of op types", lambda: ops_chart(by_op)) if by_op else None,
        missing.unless_made("the chart of ranges", lambda: ranges_chart(ranges)) if charted else None,
    )


def render(result: Result, details: Details, charts: Charts) -> str:
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
        speeds=result.outer_speeds()[::-1],
        recipe=json.dumps(result.recipe, indent=2),
        most_charted=MOST_CHARTED_RANGES,
        charts=charts,
    )
    return _ascii(page)


def plain_page(result: Result) -> str:
    """A page that needs nothing but the figures, for when `render` fails."""
    figures = escape(json.dumps(result.model_dump(mode="json"), indent=2))
    missing = "".join(f"<p>{escape(sentence)}</p>\n" for sentence in result.missing)
    return _ascii(
        f'<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><title>Quantization report</title></head>\n'
        f"<body>\n<h1>{escape(wording.verdict(result))}</h1>\n{missing}<pre>{figures}</pre>\n</body>\n</html>\n"
    )


def _ascii(page: str) -> str:
    return page.encode("ascii", "xmlcharrefreplace").decode("ascii")


def _name(model: ModelRecord | None) -> str:
    """The model's file, or its folder after the one around it: a folder is often just called "model"."""
    if model is None:
        return "Quantization report"
    path = PurePosixPath(model.uri.partition("://")[2] or model.uri)
    return path.name if path.suffix else "/".join(path.parts[-2:]).replace("//", "/")
