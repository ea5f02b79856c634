"""What TensorFlow's SAME padding adds."""

from __future__ import annotations


def same_padding(size: int, taps: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """The zeros before and behind an axis.

    Source: TensorFlow's `GetWindowedOutputSizeVerbose`.

    Args:
        size: the input's.
        taps: the filter's.
        stride: between positions.
        dilation: between taps.
    """
    missing = max((-(-size // stride) - 1) * stride + (taps - 1) * dilation + 1 - size, 0)
    return missing // 2, missing - missing // 2
