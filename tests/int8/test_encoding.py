import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from octavo.errors import GraphError
from octavo.int8.encoding import quantize_weights

FLOATS = st.floats(-1000, 1000, width=32)


@given(arrays(np.float32, (2, 2, 3, 4), elements=FLOATS))
def test_every_weight_is_within_half_a_step_of_its_code(weights: np.ndarray) -> None:
    quantized = quantize_weights(weights, (3,), per_channel=True)
    restored = quantized.codes * quantized.scale
    assert np.all(np.abs(restored - weights) <= 0.5001 * quantized.scale)


@given(arrays(np.float32, (3, 3, 5, 1), elements=FLOATS))
def test_codes_stay_in_the_narrow_range(weights: np.ndarray) -> None:
    assert np.abs(quantize_weights(weights, (2,), per_channel=True).codes.astype(int)).max() <= 127


def test_per_tensor_weights_have_one_scale() -> None:
    quantized = quantize_weights(np.array([[1.0, -2.0]], np.float32), (1,), per_channel=False)
    assert quantized.high.shape == ()
    assert quantized.codes.tolist() == [[64, -127]]  # 63.5 goes to the even neighbour


def test_a_channel_of_zeros_has_a_scale_above_zero() -> None:
    quantized = quantize_weights(np.zeros((1, 1, 2, 3), np.float32), (3,), per_channel=True)
    assert np.all(quantized.high > 0)
    assert not quantized.codes.any()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_refuses_weights_that_are_not_numbers(bad: float) -> None:
    with pytest.raises(GraphError, match="1 of 2 weights are NaN or infinite"):
        quantize_weights(np.array([[1.0, bad]], np.float32), (1,), per_channel=True)
