"""Whether a graph's answers are better than guesses: the agreement of predictions and labels, corrected for chance.

    kappa = (p_o - p_e) / (1 - p_e)     p_o: share of right answers; p_e: that expected of answers blind to the labels

Cohen, "A coefficient of agreement for nominal scales", 1960. The spread of p_o without any agreement is the exact one
over all orders of the labels (a permutation test); Fleiss, Cohen and Everitt, 1969, give its limit for many images.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

DEVIATIONS = 3.0
"""Right answers within so many standard deviations of the number expected by chance may have come about by it."""

SLIGHT = 0.2
"""Landis and Koch, 1977, call a kappa up to it slight: so a few images, all named rightly, are no guesses."""


def at_chance(predictions: Sequence[int], labels: Sequence[int]) -> bool:
    """Whether answers tell no more about the labels than guesses do.

    Args:
        predictions: the best class of each image.
        labels: the right class of each, as many.

    Returns:
        True where no answer is right; where all answers are one class and the labels several; and where the right ones
        are within `DEVIATIONS` of what chance gives and kappa is at most `SLIGHT`. False where all labels are one class
        and some answers are right: guesses cannot be told from knowledge there.
    """
    count = len(labels)
    right = sum(p == label for p, label in zip(predictions, labels, strict=True))
    if not right:
        return True
    if len(set(labels)) == 1:
        return False
    expected, deviation = _by_chance(Counter(predictions), Counter(labels), count)
    kappa = (right - expected) / (count - expected)
    return kappa <= SLIGHT and right <= expected + DEVIATIONS * deviation


def _by_chance(predicted: Counter[int], labelled: Counter[int], count: int) -> tuple[float, float]:
    """Mean and standard deviation of the right answers over all orders of the labels."""
    products = {each: predicted[each] * labelled[each] for each in predicted}
    agreeing = sum(products.values())
    ends = sum(product * (predicted[each] + labelled[each]) for each, product in products.items())
    variance = (agreeing**2 - count * ends + count**2 * agreeing) / (count**2 * (count - 1))
    return agreeing / count, math.sqrt(max(0.0, variance))
