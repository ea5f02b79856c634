"""The picture of the pipeline, drawn from pipeline.yaml as SVG.

Tasks are boxes in rows: each row runs after the one above. An arrow that follows from others is left out: where a
reaches b and b reaches c, there is none from a to c.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 172, 34
"""Of a box, in pixels."""

ACROSS, DOWN = 196, 60
"""From one column or row to the next."""

MARGIN = 16
STACK = (4, 8)
"""How far the boxes behind that of a loop stick out."""

LANE = 14
"""Beside the boxes, where an arrow runs that passes rows; each has a lane of its own."""

STYLE = """
  text { font: 13px sans-serif; fill: #1b2733; text-anchor: middle; dominant-baseline: middle; }
  text.note { font-size: 12px; fill: #55636f; text-anchor: start; }
  rect { fill: #eef2f5; stroke: #6b7b88; }
  rect.store { fill: #d8ebf9; stroke: #2b7bb9; }
  rect.page { fill: #ffffff; stroke: none; }
  path { fill: none; stroke: #6b7b88; stroke-width: 1.3; }
  path.tip { fill: #6b7b88; stroke: none; }
"""
TIP = (
    '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path class="tip" d="M0,0 L8,4 L0,8 Z"/></marker>'
)

Links = Mapping[str, frozenset[str]]
"""Task -> the tasks whose outputs it reads."""


@dataclass(frozen=True)
class Task:
    """One box.

    Attributes:
        label: the task's display name.
        repeated: whether it is a loop, which makes many pods of it.
        stores: whether it gets the keys of the object stores.
    """

    label: str
    repeated: bool
    stores: bool


def draw(pipeline: Mapping[str, Any], platform: Mapping[str, Any]) -> str:
    """The pipeline as SVG.

    Args:
        pipeline: the first document of a compiled pipeline.
        platform: the second one, about Kubernetes.
    """
    dag = pipeline["root"]["dag"]["tasks"]
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    keyed = {label for label, settings in executors.items() if "secretAsVolume" in settings}
    tasks = {name: _task(task, pipeline["components"], keyed) for name, task in dag.items()}
    links = reduced({name: frozenset(_producers(task)) for name, task in dag.items()})
    return _svg(tasks, links, _places(links))


def reduced(links: Links) -> dict[str, frozenset[str]]:
    """The links without those that follow from others."""
    before: dict[str, frozenset[str]] = {}

    def ancestors(name: str) -> frozenset[str]:
        if name not in before:
            before[name] = links[name].union(*map(ancestors, links[name]))
        return before[name]

    return {name: direct.difference(*map(ancestors, direct)) for name, direct in links.items()}


def _task(task: Mapping[str, Any], components: Mapping[str, Any], keyed: AbstractSet[str]) -> Task:
    component = components[task["componentRef"]["name"]]
    if "dag" not in component:
        return Task(task["taskInfo"]["name"], repeated=False, stores=component["executorLabel"] in keyed)
    inner = [_task(each, components, keyed) for each in component["dag"]["tasks"].values()]
    return Task(", ".join(each.label for each in inner), repeated=True, stores=any(each.stores for each in inner))


def _producers(value: Any) -> Iterator[str]:
    """Every producerTask within a task's inputs."""
    if isinstance(value, dict):
        if isinstance(value.get("producerTask"), str):
            yield value["producerTask"]
        for part in value.values():
            yield from _producers(part)


def _places(links: Links) -> dict[str, tuple[int, int]]:
    """Column and row of each task.

    Rows count from the last task, so that a task stands as late as it can. The task that most lead up to is in the
    middle column, 0; the next ones are in -1 and 1.
    """
    readers = {name: [other for other, read in links.items() if name in read] for name in links}
    ahead = {name: _longest_way(name, readers) for name in links}
    behind = {name: _longest_way(name, links) for name in links}
    rows: dict[int, list[str]] = {}
    for name in sorted(links, key=lambda name: (-behind[name], name)):
        rows.setdefault(max(ahead.values()) - ahead[name], []).append(name)
    columns = [0, *(column * side for column in range(1, len(links)) for side in (-1, 1))]
    return {name: (columns[place], row) for row, names in rows.items() for place, name in enumerate(names)}


def _longest_way(name: str, links: Mapping[str, Iterable[str]]) -> int:
    """How many links the longest way from a task has."""
    return max((1 + _longest_way(other, links) for other in links[name]), default=0)


def _svg(tasks: Mapping[str, Task], links: Links, places: Mapping[str, tuple[int, int]]) -> str:
    left = min(column for column, _ in places.values())
    far = [(source, name) for name in sorted(links) for source in sorted(links[name]) if _is_far(source, name, places)]
    edge = MARGIN + len(far) * LANE
    lanes = {link: edge - count * LANE for count, link in enumerate(far, 1)}
    at = {name: (edge + (column - left) * ACROSS, MARGIN + row * DOWN) for name, (column, row) in places.items()}
    width = max(x for x, _ in at.values()) + WIDTH + MARGIN
    height = max(y for _, y in at.values()) + HEIGHT + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<style>{STYLE}</style>",
        TIP,
        f'<rect class="page" width="{width}" height="{height}"/>',
    ]
    for name in sorted(links):
        x, y = at[name]
        top = (x, y - STACK[-1] if tasks[name].repeated else y)
        parts += [_arrow(at[source], top, lanes.get((source, name))) for source in sorted(links[name])]
    parts += [_box(task, *at[name]) for name, task in tasks.items()]
    parts.append(f'<text class="note" x="{MARGIN}" y="{MARGIN + 8}">blue: reads or writes</text>')
    parts.append(f'<text class="note" x="{MARGIN}" y="{MARGIN + 24}">object storage</text>')
    parts.append(f'<text class="note" x="{MARGIN}" y="{MARGIN + 48}">stacked: a pod for each shard</text>')
    return "\n".join([*parts, "</svg>\n"])


def _is_far(source: str, target: str, places: Mapping[str, tuple[int, int]]) -> bool:
    """Whether an arrow passes a row on its way."""
    return places[target][1] - places[source][1] > 1


def _arrow(source: tuple[int, int], target: tuple[int, int], lane: int | None) -> str:
    """From box to box: down to the next row, or along a lane beside the boxes."""
    x1, y1 = source[0] + WIDTH // 2, source[1] + HEIGHT
    x2, y2 = target[0] + WIDTH // 2, target[1] - 2
    bend = (y2 - y1) // 2
    way = f"M{x1},{y1} C{x1},{y1 + bend} {x2},{y2 - bend} {x2},{y2}"
    if lane is not None:
        way = f"M{x1 - WIDTH // 4},{y1} v7 H{lane} V{y2 - 9} H{x2 - WIDTH // 4} V{y2}"
    return f'<path d="{way}" marker-end="url(#tip)"/>'


def _box(task: Task, x: int, y: int) -> str:
    kind = ' class="store"' if task.stores else ""
    shifts = (*reversed(STACK), 0) if task.repeated else (0,)
    parts = [f'<rect{kind} x="{x + d}" y="{y - d}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>' for d in shifts]
    parts.append(f'<text x="{x + WIDTH // 2}" y="{y + HEIGHT // 2}">{escape(task.label)}</text>')
    return "\n".join(parts)
