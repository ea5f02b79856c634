"""Each calibration algorithm: what it chooses, and that the number and order of logs never change it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from octavo.errors import CalibrationError
from octavo.graph.tensors import Array
from octavo.ranges.choose import ALGORITHMS, choose_range
from octavo.ranges.evidence import Codes, Evidence
from octavo.ranges.histogram import Histogram
from octavo.ranges.kl import divergence
from octavo.ranges.min_max_log import MinMaxLog, Ranges, join_logs, read_log
from octavo.ranges.mse import squared_error
from octavo.recipe import Algorithm, Calibration

BATCHES = st.lists(
    st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=6).map(lambda values: np.array(values, np.float32)),
    min_size=1,
    max_size=8,
)
CODES = st.sampled_from(["unsigned", "shifted", "signed"])


def log_of(batches: list[Array], first: int = 0) -> MinMaxLog:
    """What calibrating these batches of values logs, from the data set's batch `first` on."""
    lows = np.array([min(batch.min(), 0) for batch in batches], np.float32)
    highs = np.array([batch.max() for batch in batches], np.float32)
    ranges = Ranges(lows, highs, np.arange(first, first + len(batches)))
    return MinMaxLog({"n": ranges}, histograms={"n": Histogram.of(np.concatenate(batches))})


def chosen(log: MinMaxLog, algorithm: Algorithm, codes: Codes = "unsigned", **settings: float) -> tuple[float, float]:
    evidence = Evidence("n", log.ranges["n"], log.histograms.get("n"), codes)
    low, high = choose_range(evidence, Calibration.model_validate({"algorithm": algorithm, **settings}))
    return float(low), float(high)


@settings(max_examples=40, deadline=None)
@given(BATCHES, CODES, st.data())
def test_no_algorithm_heeds_the_number_the_order_or_the_text_of_logs(
    batches: list[Array], codes: Codes, data: st.DataObject
) -> None:
    cuts = sorted(
        data.draw(st.sets(st.integers(1, max(1, len(batches) - 1)), max_size=3)) & set(range(1, len(batches)))
    )
    parts = [log_of(batches[a:b], a) for a, b in zip([0, *cuts], [*cuts, len(batches)], strict=True)]
    joined = join_logs(data.draw(st.permutations(parts)))
    whole = log_of(batches)
    assert list(joined.lines()) == list(whole.lines())
    for log in (joined, read_log(joined.lines())):
        for algorithm in ALGORITHMS:
            assert chosen(log, algorithm, codes) == chosen(whole, algorithm, codes)


@settings(max_examples=40, deadline=None)
@given(BATCHES, CODES)
def test_every_range_lies_within_the_extremes(batches: list[Array], codes: Codes) -> None:
    log = log_of(batches)
    least, most = chosen(log, "min_max")
    for algorithm in ALGORITHMS:
        low, high = chosen(log, algorithm, codes)
        assert least <= low <= high <= most


def spread(outlier: float = 0.0, sign: float = 0.0) -> list[Array]:
    """Ten batches of values like a Relu's, or of both signs, and one outlier in the first batch."""
    rng = np.random.default_rng(7)
    batches = [rng.normal(size=100_000).astype(np.float32) for _ in range(10)]
    if not sign:
        batches = [np.maximum(batch, 0) for batch in batches]
    batches[0][0] = outlier
    return batches


def test_min_max_takes_the_outlier_and_the_searches_for_a_threshold_do_not() -> None:
    log = log_of(spread(outlier=20))
    assert chosen(log, "min_max") == (0, 20)
    for algorithm in ("percentile", "kl", "mse"):
        low, high = chosen(log, algorithm)
        assert low == 0
        assert 2 < high < 15, algorithm


@pytest.mark.parametrize("outlier", [20.0, -20.0])
def test_signed_codes_are_cut_at_one_magnitude_on_both_sides(outlier: float) -> None:
    log = log_of(spread(outlier, sign=1))
    for algorithm in ("kl", "mse"):
        low, high = chosen(log, algorithm, "signed")
        assert max(-low, high) < 15, algorithm


def test_shifted_codes_lose_only_the_end_with_the_outlier() -> None:
    low, high = chosen(log_of(spread(20, sign=1)), "mse", "shifted")
    assert -6 < low < -3
    assert 3 < high < 15


def test_the_least_squared_error_is_that_of_all_ranges_that_were_tried() -> None:
    log = log_of(spread(outlier=20))
    values = np.concatenate(spread(outlier=20)).astype(np.float64)
    _, high = chosen(log, "mse")
    found = squared_error(values, np.ones(len(values)), 0, high, 255)
    others = [squared_error(values, np.ones(len(values)), 0, share * 20, 255) for share in (0.2, 0.4, 0.7, 1.0)]
    assert found <= 1.02 * min(others), "within 2 %: bins stand for their values"


@pytest.mark.parametrize("percentile", [90.0, 99.0, 99.9, 100.0])
def test_a_percentile_leaves_out_no_more_than_its_share(percentile: float) -> None:
    values = np.concatenate(spread(outlier=12))
    _, high = chosen(log_of(spread(outlier=12)), "percentile", percentile=percentile)
    assert np.mean(values > high) <= 1 - percentile / 100
    assert np.mean(values > high - 12 / 1024) >= 1 - percentile / 100 or percentile == 100


def test_a_moving_average_follows_the_data_set_and_not_the_log() -> None:
    lines = [f"batch={place} ;n__print__;__requant_min_max:[0][{high}]" for place, high in ((2, 4), (0, 8), (1, 2))]
    assert chosen(read_log(lines), "moving_average", smoothing=0.5) == (0, ((8 + 2) / 2 + 4) / 2)


@pytest.mark.parametrize("prefixes", [("", ""), ("batch=3 ", "batch=3 ")], ids=["not numbered", "twice"])
def test_a_moving_average_of_batches_in_no_known_order_is_refused(prefixes: tuple[str, str]) -> None:
    log = read_log(f"{prefix};n__print__;__requant_min_max:[0][1]" for prefix in prefixes)
    with pytest.raises(CalibrationError, match="does not say once for each range of 'n' which batch"):
        chosen(log, "moving_average")


@pytest.mark.parametrize("algorithm", ["percentile", "kl", "mse"])
def test_an_algorithm_of_values_wants_a_histogram(algorithm: Algorithm) -> None:
    log = read_log([";n__print__;__requant_min_max:[0][1]"])
    with pytest.raises(CalibrationError, match="no histogram of 'n'; wanted one, which `octavo calibrate` writes"):
        chosen(log, algorithm)


def test_a_divergence_sees_what_clipping_takes() -> None:
    counts = np.concatenate([np.full(512, 10.0), np.zeros(500), [1000.0]])
    assert divergence(counts, 0, 512, 256) > 0.1, "the last bin holds 1000 values more than it had"
    assert divergence(np.full(512, 10.0), 0, 512, 256) == pytest.approx(0, abs=1e-12)


def test_a_tensor_of_one_value_has_its_extremes() -> None:
    log = log_of([np.zeros(4, np.float32)])
    assert {chosen(log, algorithm) for algorithm in ALGORITHMS} == {(0.0, 0.0)}
