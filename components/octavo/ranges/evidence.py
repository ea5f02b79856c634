"""What calibration found out about one tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from octavo.errors import CalibrationError
from octavo.ranges.histogram import Histogram
from octavo.ranges.min_max_log import Ranges

Codes = Literal["unsigned", "shifted", "signed"]
"""How eight bits store a tensor: 256 codes on [0, high], 256 codes on [low, high], or 255 codes on [-high, high]."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One tensor's part of a merged log.

    Attributes:
        node: what the log calls it.
        ranges: the extremes of the batches.
        histogram: its values; None where they were not counted.
        codes: how it is to be stored.
    """

    node: str
    ranges: Ranges
    histogram: Histogram | None
    codes: Codes

    def extremes(self) -> tuple[float, float]:
        """The smallest and the largest value of all."""
        return float(self.ranges.lows.min()), float(self.ranges.highs.max())

    def counted(self) -> Histogram:
        """The histogram.

        Raises:
            CalibrationError: when there is none.
        """
        if self.histogram is None:
            raise CalibrationError(
                f"the log has no histogram of {self.node!r}; wanted one, which `octavo calibrate` writes when its "
                "recipe names the algorithm percentile, kl or mse"
            )
        return self.histogram
