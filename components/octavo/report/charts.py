"""The report's charts: SVG elements to stand inside an HTML page, the same bytes for the same figures."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from octavo.report.documents import BatchSpeed
from octavo.report.int8_graph import Range
from octavo.report.result import Counts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FP32_COLOUR = "#8a94a6"
INT8_COLOUR = "#0f9d8a"
INK = "#010203"
"""Stands for the page's own text colour, which replaces it in the SVG."""

WIDTH_INCHES = 7.2

UNWANTED = (
    re.compile(r"<metadata>.*?</metadata>", re.DOTALL),
    re.compile(r"<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL),
    re.compile(r'\sxmlns(:\w+)?="[^"]*"'),
    re.compile(r'(?<=<g) id="[^"]*"'),
    re.compile(r"font-family: [^;\"]*;? ?"),
)
"""Addresses, a style that would reach the whole page, ids that two charts share, and fonts."""

STYLE: dict[Any, Any] = {
    "svg.hashsalt": "octavo",
    "svg.fonttype": "none",
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.linewidth": 0.6,
    "ytick.major.size": 0.0,
}


def speed_chart(batches: Sequence[BatchSpeed]) -> str:
    """Images a second of both graphs at each batch size, the rounds' quartiles as whiskers."""

    def draw(axes: Axes) -> None:
        places, labels, longest = [], [], max(max(b.fp32.images_per_second, b.int8.images_per_second) for b in batches)
        for row, entry in enumerate(batches):
            for offset, speed, colour in ((0.0, entry.fp32, FP32_COLOUR), (0.42, entry.int8, INT8_COLOUR)):
                rate, (low, high) = speed.images_per_second, speed.images_per_second_quartiles
                whisker = [[max(0.0, rate - low)], [max(0.0, high - rate)]]
                axes.barh(row * 1.2 + offset, rate, 0.38, color=colour, xerr=whisker, ecolor=INK, capsize=2)
                note = f"{rate:,.0f}" if offset == 0 else f"{rate:,.0f}  ({entry.ratio:.2f}x)"
                axes.text(max(rate, high) + longest * 0.015, row * 1.2 + offset, note, va="center")
                places.append(row * 1.2 + offset)
                labels.append(f"batch {entry.batch}, FP32" if offset == 0 else "INT8")
        _rows(axes, places, labels)
        axes.set_xlim(0, longest * 1.22)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlabel("images per second; whiskers are the quartiles of the rounds")

    return _svg(draw, rows=2 * len(batches), title="Images per second, FP32 and INT8")


def ops_chart(by_op: Mapping[str, Counts]) -> str:
    """How many nodes of each op type are INT8, and how many stayed FP32."""
    from matplotlib.ticker import MaxNLocator

    def draw(axes: Axes) -> None:
        longest = max(c.INT8 + c.FP32 for c in by_op.values())
        for row, count in enumerate(by_op.values()):
            axes.barh(row, count.INT8, 0.6, color=INT8_COLOUR)
            axes.barh(row, count.FP32, 0.6, left=count.INT8, color=FP32_COLOUR)
            note = f"{count.INT8} of {count.INT8 + count.FP32}"
            axes.text(count.INT8 + count.FP32 + longest * 0.015, row, note, va="center")
        _rows(axes, list(range(len(by_op))), list(by_op))
        axes.set_xlim(0, longest * 1.15)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("nodes in INT8 (green) and FP32 (grey)")

    return _svg(draw, rows=len(by_op), title="Nodes in INT8 and FP32 by op type")


def ranges_chart(ranges: Sequence[Range]) -> str:
    """The calibrated range of each 8-bit tensor."""

    def draw(axes: Axes) -> None:
        for row, entry in enumerate(ranges):
            axes.barh(row, entry.high - entry.low, 0.6, left=entry.low, color=INT8_COLOUR)
        _rows(axes, list(range(len(ranges))), [_shortened(r.name) for r in ranges])
        axes.axvline(0, color=INK, linewidth=0.6)
        axes.set_xlabel("calibrated range")

    return _svg(draw, rows=len(ranges), title="Calibrated ranges", row_inches=0.17, font_size=7.0)


def _rows(axes: Axes, places: Sequence[float], labels: Sequence[str]) -> None:
    axes.set_yticks(places, labels)
    axes.set_ylim(max(places) + 0.5, min(places) - 0.5)


def _svg(
    draw: Callable[[Axes], None], *, rows: int, title: str, row_inches: float = 0.3, font_size: float = 9.0
) -> str:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({**STYLE, "font.size": font_size}):
        figure = Figure(figsize=(WIDTH_INCHES, 0.65 + row_inches * rows), layout="constrained")
        draw(figure.add_subplot())
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata=_no_metadata())
    return _inline(file.getvalue(), title)


def _no_metadata() -> dict[str, Any]:
    return dict.fromkeys(("Creator", "Date", "Format", "Type"))


def _inline(svg: str, title: str) -> str:
    """The <svg> element alone, without other addresses and ids, in the page's text colour and font."""
    element = svg[svg.index("<svg") :]
    for unwanted in UNWANTED:
        element = unwanted.sub("", element)
    element = re.sub(r'\s(width|height)="[^"]*pt"', "", element, count=2)
    element = element.replace("<svg", f'<svg role="img" aria-label="{title}"', 1)
    return element.replace(INK, "currentColor")


def _shortened(name: str, longest: int = 44) -> str:
    return name if len(name) <= longest else f"...{name[3 - longest :]}"
