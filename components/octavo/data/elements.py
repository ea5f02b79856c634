"""tf.data in the one way that is used here: bounded, and in a fixed order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from octavo.tensorflow import import_tensorflow


def mapped(elements: Any, function: Callable[[Any], Any], *, at_once: int) -> Any:
    """The tf.data.Dataset of the function's results, in the elements' order.

    Args:
        elements: a tf.data.Dataset.
        function: from tensor to tensor, in TensorFlow ops; it is taken as written, without AutoGraph.
        at_once: how many elements are worked on at a time.
    """
    plain = import_tensorflow().autograph.experimental.do_not_convert(function)
    return elements.map(plain, num_parallel_calls=at_once, deterministic=True)
