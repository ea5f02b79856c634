"""A random choice of a data set's examples: the same for the same seed, on every machine and with every library."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from itertools import groupby

from octavo.data.dataset import Dataset, Span

BLOCK = 16
"""Examples of one file that stay together: it is read forward, not hither and thither."""


def sampled(dataset: Dataset, seed: int, limit: int) -> Dataset:
    """Examples in random order: image files one by one, those of other files in blocks of up to `BLOCK`.

    Args:
        dataset: where they come from.
        seed: chooses the order.
        limit: how many are taken; 0 for all.
    """
    units = list(_units(dataset))
    order = sorted(range(len(units)), key=lambda number: hashlib.sha256(f"{seed}:{number}".encode()).digest())
    chosen = _cut([units[number] for number in order], limit or len(dataset))
    return Dataset(dataset.uri, tuple(_joined(_forward(chosen))))


def _units(dataset: Dataset) -> list[Span]:
    """What keeps together."""
    found = []
    for span in dataset.spans:
        step = 1 if span.part.scattered else BLOCK
        found += [Span(span.part, start, min(span.stop, start + step)) for start in range(span.start, span.stop, step)]
    return found


def _forward(units: list[Span]) -> list[Span]:
    """The units with those of each file of many examples in the file's order, in the places that they have."""
    places: dict[int, list[int]] = defaultdict(list)
    for place, unit in enumerate(units):
        if not unit.part.scattered:
            places[id(unit.part)].append(place)
    ordered = list(units)
    for mine in places.values():
        for place, unit in zip(mine, sorted((units[each] for each in mine), key=lambda unit: unit.start), strict=True):
            ordered[place] = unit
    return ordered


def _cut(units: list[Span], limit: int) -> list[Span]:
    """The first units, of `limit` examples together."""
    found, left = [], limit
    for unit in units:
        if left <= 0:
            break
        found.append(Span(unit.part, unit.start, min(unit.stop, unit.start + left)))
        left -= len(found[-1])
    return found


def _joined(units: list[Span]) -> list[Span]:
    """Neighbouring images of one part as a part of their own."""
    found: list[Span] = []
    for scattered, group in groupby(units, key=lambda unit: id(unit.part) if unit.part.scattered else 0):
        mine = list(group)
        if scattered:
            part = mine[0].part.picked([unit.start for unit in mine])
            found.append(Span(part, 0, len(part)))
        else:
            found += mine
    return found
