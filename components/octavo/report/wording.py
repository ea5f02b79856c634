"""How figures read, in the terminal and on the page."""

from __future__ import annotations

from octavo.documents.result import Result


def percent(value: float) -> str:
    """98.9 -> "98.90 %"."""
    return f"{value:.2f} %"


def points(difference: float) -> str:
    """-0.1 -> "-0.10 points"."""
    return f"{difference:+.2f} points" if difference else "no difference"


def tolerance(result: Result) -> str:
    """What INT8 may lose: "1 point"."""
    return f"{result.tolerance:g} point{'' if result.tolerance == 1 else 's'} of top-1"


def file_size(count: int) -> str:
    """340123 -> "340 kB"; three digits."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            value = count / size
            return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f} {unit}"
    return f"{count} bytes"


def size_change(before: int, after: int) -> str:
    """340000, 100000 -> "3.4x smaller"."""
    if after <= before:
        return f"{before / after:.1f}x smaller"
    return f"{after / before:.1f}x larger"


def verdict(result: Result) -> str:
    """The headline."""
    if result.top1 is not None and result.top1.at_chance:
        return "Not accepted: the FP32 model itself answers at chance"
    return {
        True: "Accepted: the INT8 model is accurate enough",
        False: "Not accepted: the INT8 model loses too much accuracy",
        None: "Accuracy was not measured",
    }[result.accepted]


def verdict_reason(result: Result) -> str:
    """One sentence on why."""
    if result.top1 is None:
        return "No labelled validation data were given, so nothing is known about the INT8 model's accuracy."
    top1 = result.top1
    if top1.at_chance:
        return (
            f"FP32 names {percent(top1.fp32)} of {top1.images:,} images rightly, no more than guessing would, and INT8 "
            f"{percent(top1.int8)}: check the preprocessing first, then the order of the classes and the labels."
        )
    change = "did not change" if not top1.difference else "rose" if top1.difference > 0 else "fell"
    by = f" by {abs(top1.difference):.2f} points" if top1.difference else ""
    return (
        f"Top-1 {change}{by}, from {percent(top1.fp32)} to {percent(top1.int8)} on {top1.images:,} images; "
        f"the tolerance is {tolerance(result)}."
    )


def verdict_text(result: Result) -> str:
    """The verdict as Markdown of five lines: what is decided, accuracy, answers, speed, size."""
    top1, nodes = result.top1, result.quantized
    accuracy = answers = speed = "not measured"
    if top1 is not None:
        accuracy = (
            f"{percent(top1.fp32)} to {percent(top1.int8)} ({points(top1.difference)}; may lose {tolerance(result)})"
        )
        answers = f"{percent(top1.same_answers)} of {top1.images:,} images"
    if speeds := result.outer_speeds():
        speed = ", ".join(f"{rates.ratio:.2f}x at batch {batch}" for batch, rates in speeds)
    size = size_change(result.bytes.fp32, result.bytes.int8)
    lines = (
        f"**{verdict(result)}**",
        f"Top-1: {accuracy}",
        f"Same answers as FP32: {answers}",
        f"Speed: {speed}",
        f"File: {size}, {nodes.INT8} of {nodes.INT8 + nodes.FP32} nodes in INT8",
    )
    return "  \n".join(lines) + "\n"
