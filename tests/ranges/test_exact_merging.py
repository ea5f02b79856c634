"""Histograms and sums that add up exactly in any order."""

from __future__ import annotations

from functools import reduce
from operator import add

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.errors import CalibrationError
from octavo.graph.tensors import Array
from octavo.ranges.exact_sum import ExactSum
from octavo.ranges.histogram import BINS, NOTHING, Histogram

NUMBERS = st.floats(-(2.0**127), 2.0**127, width=32, allow_subnormal=False)
ARRAYS = st.lists(st.lists(NUMBERS, min_size=1, max_size=8), min_size=1, max_size=5)


def arrays(lists: list[list[float]]) -> list[Array]:
    return [np.array(values, np.float32) for values in lists]


@given(ARRAYS, st.randoms())
def test_a_histogram_is_that_of_all_values_whatever_was_counted_first(lists: list[list[float]], random: object) -> None:
    parts = arrays(lists)
    whole = Histogram.of(np.concatenate(parts))
    random.shuffle(parts)  # type: ignore[attr-defined]
    made = [Histogram.of(part) for part in parts]
    assert reduce(add, made) == whole
    assert reduce(add, reversed(made)) == whole


@given(ARRAYS)
def test_each_value_is_counted_between_the_ends_of_a_bin(lists: list[list[float]]) -> None:
    values = np.concatenate(arrays(lists)).astype(np.float64)
    values[np.abs(values) < NOTHING] = 0
    found = Histogram.of(np.concatenate(arrays(lists)))
    counted, _ = np.histogram(values, np.append(found.edges()[:-1], np.inf))
    np.testing.assert_array_equal(counted, found.counts)
    assert found.edges()[-1] > values.max()
    assert -BINS <= found.first <= found.first + len(found.counts) <= BINS


def test_a_histogram_keeps_its_memory_whatever_the_values() -> None:
    wide = Histogram.of(np.array([1e-30, 1, 1e30], np.float32))
    assert len(wide.counts) <= 2 * BINS
    assert wide.counts.sum() == 3


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_histogram_of_nan_or_infinity_is_refused(value: float) -> None:
    with pytest.raises(CalibrationError, match="NaN or infinite"):
        Histogram.of(np.array([0, value], np.float32))


VECTORS = st.integers(1, 4).flatmap(
    lambda size: st.lists(
        st.lists(st.floats(-1e9, 1e9, width=32), min_size=size, max_size=size), min_size=1, max_size=5
    )
)


@given(VECTORS, st.randoms())
def test_a_sum_is_the_same_in_any_order_and_nearest_to_the_mean(lists: list[list[float]], random: object) -> None:
    vectors = arrays(lists)
    mean = np.mean(np.array(lists, np.float64), axis=0)
    sums = [ExactSum.of(vector) for vector in vectors]
    whole = reduce(add, sums)
    random.shuffle(sums)  # type: ignore[attr-defined]
    assert reduce(add, sums) == whole == ExactSum.of_units(whole.count, whole.units())
    np.testing.assert_allclose(whole.mean(), mean, rtol=1e-6, atol=1e-6)


def test_a_number_beyond_the_sums_range_is_refused() -> None:
    with pytest.raises(CalibrationError, match="a number is 2e\\+12; sums are exact below"):
        ExactSum.of(np.array([1, 2e12], np.float32))


@given(st.lists(st.lists(st.floats(-1000, 1000, width=32), min_size=1, max_size=6), min_size=1, max_size=5))
def test_sums_of_vectors_behind_each_other_are_those_of_each(lists: list[list[float]]) -> None:
    parts = arrays(lists)
    whole = ExactSum.of(np.concatenate(parts)) + ExactSum.of(np.concatenate(parts))
    assert whole.split([len(part) for part in parts]) == [ExactSum.of(part) + ExactSum.of(part) for part in parts]
