"""The findings as tables: for the terminal, and as Markdown for the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from statistics import median

from rich.table import Table

from engines import ENGINES
from results import Comparison, Report, Row

COLUMNS = (
    "model",
    "engine",
    "top-1 %",
    "same as FP32 %",
    "images/s, batch 1",
    "images/s, batch 32",
    "MB",
    "quantized in s",
    "CPU s",
    "peak MB",
)
RATIOS = (
    "model",
    "graph",
    "top-1 against FP32",
    "INC batch 1",
    "INC batch 32",
    "OpenVINO batch 1",
    "OpenVINO batch 32",
    "seconds, of INC's",
    "peak MB, of INC's",
)


def figures(report: Report) -> Iterator[tuple[str, ...]]:
    """A line for each engine and model."""
    for comparison in report.comparisons:
        for number, row in enumerate(comparison.rows):
            yield (comparison.model if number == 0 else "", ENGINES[row.engine].name, *_cells(row))


def ratios(report: Report) -> Iterator[tuple[str, ...]]:
    """A line for each model and graph: octavo's figures over the others' (speeds: more is better; costs: less is)."""
    for comparison in report.comparisons:
        for key in ("octavo", "octavo-parts"):
            if (octavo := comparison.row(key)) is not None:
                yield (comparison.model, ENGINES[key].name, *_ratio_cells(comparison, octavo))


def rich_table(title: str, columns: Iterable[str], lines: Iterable[tuple[str, ...]]) -> Table:
    """A table for the terminal."""
    table = Table(title=title)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 or column == "engine" else "right")
    for line in lines:
        table.add_row(*line, end_section=False)
    return table


def markdown_table(columns: Iterable[str], lines: Iterable[tuple[str, ...]]) -> str:
    """A table for the documentation."""
    header = tuple(columns)
    rows = [header, tuple("---" for _ in header), *lines]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cells(row: Row) -> tuple[str, ...]:
    if row.failure is not None:
        return (f"failed: {row.failure[-80:]}", *[""] * (len(COLUMNS) - 3))
    return (
        _number(row.top1, 2),
        _number(row.agreement, 1),
        _speed(row, 1),
        _speed(row, 32),
        _number(row.file_mb, 1),
        *(_number(median(values) if values else None, 1) for values in (row.seconds, row.cpu_seconds)),
        _number(median(row.peak_mb) if row.peak_mb else None, 0),
    )


def _ratio_cells(comparison: Comparison, octavo: Row) -> tuple[str, ...]:
    fp32, inc, nncf = (comparison.row(key) for key in ("tensorflow", "inc", "nncf"))
    lost = octavo.top1 - fp32.top1 if fp32 and fp32.top1 is not None and octavo.top1 is not None else None
    return (
        "-" if lost is None else f"{lost:+.2f}",
        *(_ratio(octavo.speed(batch), comparison.best_inc_speed(batch)) for batch in (1, 32)),
        *(_ratio(octavo.speed(batch), nncf.speed(batch) if nncf else None) for batch in (1, 32)),
        _ratio(_middle(octavo.seconds), _middle(inc.seconds if inc else [])),
        _ratio(_middle(octavo.peak_mb), _middle(inc.peak_mb if inc else [])),
    )


def _middle(values: list[float]) -> float | None:
    return median(values) if values else None


def _speed(row: Row, batch: int) -> str:
    quartiles = row.quartiles(batch)
    spread = f" ({quartiles[0]:.0f}-{quartiles[1]:.0f})" if quartiles else ""
    return f"{_number(row.speed(batch), 0)}{spread}"


def _ratio(value: float | None, other: float | None) -> str:
    return "-" if value is None or not other else f"{value / other:.2f}x"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
