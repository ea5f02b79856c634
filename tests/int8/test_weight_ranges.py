from __future__ import annotations

import numpy as np
import pytest

from octavo.int8.encoding import quantize_weights
from octavo.int8.weight_ranges import weight_magnitudes

WEIGHTS = np.random.default_rng(5).normal(size=(3, 3, 8, 4)).astype(np.float32)


def squared_error(algorithm: str, weights: np.ndarray) -> float:
    made = quantize_weights(weights, (3,), per_channel=True, algorithm=algorithm)  # type: ignore[arg-type]
    return float(np.square(weights - made.codes * made.scale).sum())


def test_the_default_is_the_largest_magnitude_of_each_channel() -> None:
    made = quantize_weights(WEIGHTS, (3,), per_channel=True)
    np.testing.assert_array_equal(made.high, np.abs(WEIGHTS).max(axis=(0, 1, 2)))
    assert int(np.abs(made.codes).max()) == 127


def test_the_least_squared_error_is_no_more_than_that_of_the_largest_magnitude() -> None:
    weights = np.random.default_rng(6).normal(size=(3, 3, 3200, 2)).astype(np.float32)
    weights[0, 0, 0] = 9
    assert squared_error("mse", WEIGHTS) <= squared_error("min_max", WEIGHTS)
    assert squared_error("mse", weights) < 0.95 * squared_error("min_max", weights)


def test_what_lies_beyond_a_percentile_is_clipped() -> None:
    weights = WEIGHTS.copy()
    weights[0, 0, 0] = 9
    made = quantize_weights(weights, (3,), per_channel=True, algorithm="percentile", percentile=98)
    assert np.all(made.high < 9)
    assert np.all(made.codes[0, 0, 0] == 127)


@pytest.mark.parametrize("algorithm", ["min_max", "percentile", "mse"])
def test_a_channel_of_zeros_has_a_magnitude(algorithm: str) -> None:
    made = quantize_weights(np.zeros((2, 3), np.float32), (1,), per_channel=True, algorithm=algorithm)  # type: ignore[arg-type]
    assert np.all(made.high > 0)
    assert not made.codes.any()


def test_a_scale_for_all_takes_all_weights() -> None:
    assert weight_magnitudes(WEIGHTS.reshape(1, -1), "min_max", 100).shape == (1,)
    made = quantize_weights(WEIGHTS, (3,), per_channel=False, algorithm="mse")
    assert made.high.shape == ()
