"""Tensor names as GraphDef inputs spell them: "conv", "split:1", "^init" for a control edge."""

from collections.abc import Container
from itertools import count


def producer_name(tensor: str) -> str:
    """The node that a tensor comes from: "a" for "a", "a:1" and "^a"."""
    return tensor.removeprefix("^").split(":", 1)[0]


def output_index(tensor: str) -> int:
    """Which output of its node a tensor is: 0 for "a" and "a:0", 1 for "a:1", -1 for a control edge "^a"."""
    if tensor.startswith("^"):
        return -1
    return int(tensor.split(":", 1)[1]) if ":" in tensor else 0


def is_control(tensor: str) -> bool:
    """Whether an input is a control edge."""
    return tensor.startswith("^")


def canonical(tensor: str) -> str:
    """The one spelling used inside octavo: "a:0" becomes "a"."""
    return tensor.removesuffix(":0")


def safe_name(tensor: str) -> str:
    """A tensor name made fit for use inside a node name: "^a:2" becomes "__hat__a__port__2"."""
    return tensor.replace("^", "__hat__").replace(":", "__port__")


def fresh_name(wanted: str, taken: Container[str]) -> str:
    """`wanted`, or with the first number behind it that makes a name that is not taken."""
    if wanted not in taken:
        return wanted
    return next(name for n in count(1) if (name := f"{wanted}_{n}") not in taken)
