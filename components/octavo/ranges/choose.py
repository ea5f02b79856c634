"""The calibration algorithms by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from octavo.ranges.evidence import Evidence
from octavo.ranges.extremes import min_max, moving_average, order_statistic
from octavo.ranges.kl import kl
from octavo.ranges.mse import mse
from octavo.ranges.percentile import percentile
from octavo.recipe import Algorithm, Calibration

ALGORITHMS: Mapping[Algorithm, Callable[[Evidence, Calibration], tuple[float, float]]] = {
    "order_statistic": order_statistic,
    "min_max": min_max,
    "moving_average": moving_average,
    "percentile": percentile,
    "kl": kl,
    "mse": mse,
}


def choose_range(evidence: Evidence, settings: Calibration) -> tuple[np.float32, np.float32]:
    """The range of a tensor, by the settings' algorithm.

    Raises:
        CalibrationError: when the log lacks what the algorithm needs.
    """
    low, high = ALGORITHMS[settings.algorithm](evidence, settings)
    return np.float32(low), np.float32(high)
