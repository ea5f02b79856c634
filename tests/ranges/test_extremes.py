"""Ranges by order statistics of the batches' extremes."""

from __future__ import annotations

import numpy as np
import pytest

from octavo.ranges.extremes import order_statistics


@pytest.mark.parametrize(
    ("count", "low_at", "high_at"),
    [(1, 0, 0), (9, 0, 8), (10, 1, 9), (11, 1, 10), (29, 1, 28), (30, 2, 29), (31, 2, 29), (50, 3, 48), (100, 5, 95)],
)
def test_the_range_is_an_order_statistic_of_the_batches(count: int, low_at: int, high_at: int) -> None:
    places = np.arange(count, dtype=np.float32)
    low, high = order_statistics(-places, 100 + places, 5.0, 5.0)
    assert low == sorted(-places)[low_at]
    assert high == 100.0 + high_at


@pytest.mark.parametrize(
    ("percent", "low", "high"),
    [
        pytest.param(0.0, 0.0, 9.0, id="extremes"),
        pytest.param(25.0, 3.0, 8.0, id="halves_round_away_from_zero"),
        pytest.param(100.0, 9.0, 0.0, id="the_whole_list"),
    ],
)
def test_percentiles(percent: float, low: float, high: float) -> None:
    found = order_statistics(np.arange(10, dtype=np.float32), np.arange(10, dtype=np.float32), percent, percent)
    assert found == (low, high)
