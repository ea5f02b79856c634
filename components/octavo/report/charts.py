"""The report's charts: SVG elements to stand inside an HTML page, the same bytes for the same figures.

Each is drawn twice, for a window and for a panel beside something else; the page's style shows one of them.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from octavo.documents.result import Counts
from octavo.documents.timings import BatchSpeed
from octavo.report.int8_graph import Range

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FP32_COLOUR = "#8a94a6"
INT8_COLOUR = "#0f9d8a"
INK = "#010203"
"""Stands for the page's own text colour, which replaces it in the SVG."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a chart is drawn.

    Attributes:
        name: the class that the page's style knows it by.
        inches: its width; the page scales it to the width that it has.
        points: the size of letters.
        row_inches: the height of a row.
        longest: the most letters that a row's name may have.
        room: how much longer than the longest bar the axis is, for what is written behind it.
        ticks: numbers at the axis, at most.
        says_more: whether what is drawn is explained in full.
    """

    name: str
    inches: float
    points: float
    row_inches: float
    longest: int
    room: float
    ticks: int
    says_more: bool


WIDE = Shape("wide", 7.2, 9.0, 0.3, 44, 1.22, 9, says_more=True)
NARROW = Shape("narrow", 3.2, 11.5, 0.3, 18, 1.9, 3, says_more=False)

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

    def draw(axes: Axes, shape: Shape) -> None:
        places, labels, longest = [], [], max(max(b.fp32.images_per_second, b.int8.images_per_second) for b in batches)
        for row, entry in enumerate(batches):
            for offset, speed, colour in ((0.0, entry.fp32, FP32_COLOUR), (0.42, entry.int8, INT8_COLOUR)):
                rate, (low, high) = speed.images_per_second, speed.images_per_second_quartiles
                whisker = [[max(0.0, rate - low)], [max(0.0, high - rate)]]
                axes.barh(row * 1.2 + offset, rate, 0.38, color=colour, xerr=whisker, ecolor=INK, capsize=2)
                ratio = f"  ({entry.ratio:.2f}x)" if offset and shape.says_more else ""
                axes.text(max(rate, high) + longest * 0.015, row * 1.2 + offset, f"{rate:,.0f}{ratio}", va="center")
                places.append(row * 1.2 + offset)
                labels.append(f"batch {entry.batch}, FP32" if offset == 0 else "INT8")
        _rows(axes, places, labels)
        _bars(axes, longest, shape)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        whiskers = "; whiskers are the quartiles of the rounds" if shape.says_more else ""
        axes.set_xlabel(f"images per second{whiskers}")

    return _svg(draw, rows=2 * len(batches), title="Images per second, FP32 and INT8")


def ops_chart(by_op: Mapping[str, Counts]) -> str:
    """How many nodes of each op type are INT8, and how many stayed FP32."""

    def draw(axes: Axes, shape: Shape) -> None:
        longest = max(c.INT8 + c.FP32 for c in by_op.values())
        for row, count in enumerate(by_op.values()):
            axes.barh(row, count.INT8, 0.6, color=INT8_COLOUR)
            axes.barh(row, count.FP32, 0.6, left=count.INT8, color=FP32_COLOUR)
            note = f"{count.INT8} of {count.INT8 + count.FP32}"
            axes.text(count.INT8 + count.FP32 + longest * 0.015, row, note, va="center")
        _rows(axes, list(range(len(by_op))), [_shortened(op, shape.longest) for op in by_op])
        _bars(axes, longest, shape)
        axes.set_xlabel("nodes in INT8 (green) and FP32 (grey)" if shape.says_more else "green: INT8")

    return _svg(draw, rows=len(by_op), title="Nodes in INT8 and FP32 by op type")


def ranges_chart(ranges: Sequence[Range]) -> str:
    """The calibrated range of each 8-bit tensor."""

    def draw(axes: Axes, shape: Shape) -> None:
        for row, entry in enumerate(ranges):
            axes.barh(row, entry.high - entry.low, 0.6, left=entry.low, color=INT8_COLOUR)
        _rows(axes, list(range(len(ranges))), [_shortened(r.name, shape.longest) for r in ranges])
        axes.locator_params(axis="x", nbins=shape.ticks)
        axes.axvline(0, color=INK, linewidth=0.6)
        axes.set_xlabel("calibrated range")

    return _svg(draw, rows=len(ranges), title="Calibrated ranges", compressed=0.6)


def _rows(axes: Axes, places: Sequence[float], labels: Sequence[str]) -> None:
    axes.set_yticks(places, labels)
    axes.set_ylim(max(places) + 0.5, min(places) - 0.5)


def _bars(axes: Axes, longest: float, shape: Shape) -> None:
    """An axis from zero, with room behind the longest bar for what is written there."""
    from matplotlib.ticker import MaxNLocator

    axes.set_xlim(0, longest * shape.room)
    axes.xaxis.set_major_locator(MaxNLocator(shape.ticks, integer=longest > 1))


def _svg(draw: Callable[[Axes, Shape], None], *, rows: int, title: str, compressed: float = 1.0) -> str:
    """Both drawings of a chart; `compressed` makes its rows lower than others'."""
    return "\n".join(_drawn(draw, shape, rows * compressed, title) for shape in (WIDE, NARROW))


def _drawn(draw: Callable[[Axes, Shape], None], shape: Shape, rows: float, title: str) -> str:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({**STYLE, "font.size": shape.points}):
        figure = Figure(figsize=(shape.inches, 0.65 + shape.row_inches * rows), layout="constrained")
        draw(figure.add_subplot(), shape)
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata=_no_metadata())
    return _inline(file.getvalue(), title, shape)


def _no_metadata() -> dict[str, Any]:
    return dict.fromkeys(("Creator", "Date", "Format", "Type"))


def _inline(svg: str, title: str, shape: Shape) -> str:
    """The <svg> element alone, without other addresses and ids, in the page's text colour and font."""
    element = svg[svg.index("<svg") :]
    for unwanted in UNWANTED:
        element = unwanted.sub("", element)
    element = re.sub(r'\s(width|height)="[^"]*pt"', "", element, count=2)
    element = element.replace("<svg", f'<svg class="{shape.name}" role="img" aria-label="{title}"', 1)
    return element.replace(INK, "currentColor")


def _shortened(name: str, longest: int) -> str:
    return name if len(name) <= longest else f"...{name[3 - longest :]}"
