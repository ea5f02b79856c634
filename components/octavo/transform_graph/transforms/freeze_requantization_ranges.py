"""Put calibrated ranges into the graph: each RequantizationRange in a min/max log becomes two constants.

    freeze_requantization_ranges(min_max_log_file="min_max_log.txt")

With a log of one record, `;r__print__;__requant_min_max:[-1.5][6]`:

Before:
    q = Placeholder() dtype=qint32
    lo = Placeholder()
    hi = Placeholder()
    r = RequantizationRange(q, lo, hi)
    y = Sub(r:1, r)
After:
    q = Placeholder() dtype=qint32
    lo = Placeholder()
    hi = Placeholder()
    r/frozen_min = Const() value=float32<>[-1.5]
    r/frozen_max = Const() value=float32<>[6]
    y = Sub(r/frozen_max, r/frozen_min)

`algorithm` says which constants; the recipe's part on calibration describes them. The default, order_statistic, takes
order statistics of the batches' extremes: of n smallest values in ascending order the one at
round(n * min_percentile / 100), of n largest ones that at round(n * (1 - max_percentile / 100)), both in float32 and
rounded half away from zero. With 5 and 5 that is the smallest for n < 10, and the largest for n < 31. Nodes that the
log does not name stay as they are. Unlike in the original, min_percentile=100 takes the last value rather than reading
beyond it, all records of a line count rather than its last, NaN or infinity in the log is an error, and what only a
frozen node read goes with it.
"""

from __future__ import annotations

import difflib

import numpy as np
from pydantic import ValidationError

from octavo.errors import CalibrationError, SpecError
from octavo.graph import Graph, const_node
from octavo.graph.workspace import Edit, Workspace
from octavo.int8.spans import SCALAR_OPS
from octavo.ranges.choose import choose_range
from octavo.ranges.evidence import Codes, Evidence
from octavo.ranges.min_max_log import MinMaxLog, describe_skipped, read_log_file
from octavo.recipe import Calibration

RANGE_OPS = frozenset({"RequantizationRange", "RequantizationRangePerChannel"})


def freeze_requantization_ranges(
    graph: Graph,
    *,
    min_max_log_file: str,
    min_percentile: float = 5.0,
    max_percentile: float = 5.0,
    algorithm: str = "order_statistic",
    percentile: float = 99.99,
    smoothing: float = 0.1,
) -> Graph:
    """Put calibrated ranges into the graph.

    Args:
        graph: the dynamic-range graph.
        min_max_log_file: the log that the graph with logging wrote.
        min_percentile: how much of the batches' smallest values lies below the range, in percent.
        max_percentile: how much of the batches' largest values lies above it, in percent.
        algorithm: how ranges follow from the log: order_statistic, min_max, moving_average, percentile, kl or mse.
        percentile: of the algorithm percentile: how much of all values lies within the range, in percent.
        smoothing: of moving_average: the weight of each further batch.

    Raises:
        CalibrationError: when the log is cut off, holds no range, holds NaN or infinity, lacks what the algorithm
            needs, or names a node that is not in the graph or is no RequantizationRange.
        SpecError: when an argument is not one of its values.
    """
    for name, percent in (("min_percentile", min_percentile), ("max_percentile", max_percentile)):
        if not 0 <= percent <= 100:
            raise SpecError(f"{name} is {percent}; wanted 0 to 100")
    settings = _settings(
        algorithm=algorithm,
        min_percentile=min_percentile,
        max_percentile=max_percentile,
        percentile=percentile,
        smoothing=smoothing,
    )
    log = read_log_file(min_max_log_file)
    if not log.ranges:
        skipped = f"; lines skipped: {describe_skipped(log.skipped)}" if log.skipped else ""
        raise CalibrationError(f"the min/max log {min_max_log_file!r} holds records but no range{skipped}")
    space = Workspace(graph)
    _check_logged(graph, log)
    for name, ranges in log.ranges.items():
        evidence = Evidence(name, ranges, log.histograms.get(name), _codes(graph, name))
        space.apply(_frozen(name, *choose_range(evidence, settings)))
    return space.graph()


def _settings(**fields: object) -> Calibration:
    """The settings of the recipe that these arguments are.

    Raises:
        SpecError: naming the first that is none.
    """
    try:
        return Calibration.model_validate(fields)
    except ValidationError as fault:
        first = fault.errors()[0]
        message = first["msg"].replace("Input should be", "wanted")
        raise SpecError(f"{first['loc'][0]} is {first['input']!r}; {message}") from fault


def _codes(graph: Graph, name: str) -> Codes:
    """How the tensor of a range is stored, as the QuantizeV2 says that its ends lead to."""
    todo, seen = [name], {name}
    while todo:
        for reader in graph.consumers[todo.pop()]:
            if reader.op == "QuantizeV2" and reader.dtype("T") in ("quint8", "qint8"):
                if reader.text("mode") == "MIN_FIRST":
                    return "shifted"
                return "unsigned" if reader.dtype("T") == "quint8" else "signed"
            if reader.op in SCALAR_OPS and reader.name not in seen:
                seen.add(reader.name)
                todo.append(reader.name)
    return "shifted"


def _check_logged(graph: Graph, log: MinMaxLog) -> None:
    """Confirm that every logged node is a range of this graph."""
    beside = f" (beside lines skipped: {describe_skipped(log.skipped)})" if log.skipped else ""
    names = sorted(log.ranges)
    unknown = [name for name in names if name not in graph.nodes]
    if unknown:
        ranges = [node.name for node in graph.nodes.values() if node.op in RANGE_OPS]
        near = difflib.get_close_matches(unknown[0], ranges, n=3, cutoff=0.5)
        raise CalibrationError(
            f"the min/max log names {len(unknown)} nodes that are not in the graph, the first {unknown[0]!r}"
            f"{'; near names: ' + ', '.join(near) if near else ''}; wanted the log of this graph{beside}"
        )
    for name in names:
        if graph.nodes[name].op not in RANGE_OPS:
            wanted = " or ".join(sorted(RANGE_OPS))
            raise CalibrationError(
                f"the min/max log names {name!r}, which is a {graph.nodes[name].op}; wanted a {wanted}{beside}"
            )


def _frozen(name: str, low: np.float32, high: np.float32) -> Edit:
    consts = (const_node(f"{name}/frozen_min", low), const_node(f"{name}/frozen_max", high))
    return Edit(frozenset({name}), consts, {name: consts[0].name, f"{name}:1": consts[1].name})
