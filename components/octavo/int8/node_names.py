"""The names by which a stage finds what an earlier one wrote.

Of quantize_graph, for an op X of the float graph, its weights W, and a tensor T that it reads:

    X_eightbit_...               all that it adds for X
    X_eightbit_quantize_T        the codes of T; X_eightbit_dequantize_T the floats that X reads in its place
    X_eightbit_requantize        the codes of what X and its chain make
    X_eightbit_requant_range     the range that is measured; of T, X_eightbit_requant_range_T
    W_rounding_error             what rounding took from W; W_dequantize is the rest, of W_qint8_const, W_min and W_max
    eightbit_bias_correction/X   what rounding the weights takes from each output channel of X, float32 [channels]

Of the lowering, for the codes Q of a kernel:

    Q_low, Q_high                the range that the kernel is told
    Q_true_low, Q_true_high      the values that the codes stand for, where the kernel's are shifted
    eightbit_zero                the end of all ranges that begin at zero
"""

from __future__ import annotations

from octavo.graph.names import safe_name

_ADDED = "_eightbit_"
_ENTRY = f"{_ADDED}quantize_"

CORRECTIONS = "eightbit_bias_correction/"
"""What the names of bias corrections begin with."""

ROUNDING_ERROR = "_rounding_error"
DEQUANTIZED = "_dequantize"
WEIGHTS = ("_qint8_const", "_min", "_max", ROUNDING_ERROR, DEQUANTIZED)
"""What the names of the nodes of quantized weights end in: codes, range, what rounding took, and what it left."""

ZERO = "eightbit_zero"


def added(op: str, part: str) -> str:
    """A node that quantize_graph adds for an op."""
    return f"{op}{_ADDED}{part}"


def is_added(name: str) -> bool:
    """Whether quantize_graph added a node, by its name."""
    return _ADDED in name


def origin(name: str) -> str:
    """The op of the float graph that a node was added for; the name itself where it is such an op."""
    return name.partition(_ADDED)[0]


def entry_codes(reader: str, tensor: str) -> str:
    """The codes of a tensor that a float op makes, for a reader."""
    return f"{reader}{_ENTRY}{safe_name(tensor)}"


def entry_tensor(name: str) -> str | None:
    """The tensor, its name made safe, whose codes a node makes; None where a kernel makes them."""
    return name.partition(_ENTRY)[2] or None


def correction_of(op: str) -> str:
    """The bias correction of an op."""
    return CORRECTIONS + op


def is_correction(name: str) -> bool:
    """Whether a name is that of a bias correction."""
    return name.startswith(CORRECTIONS)


def kernel_range(name: str) -> tuple[str, str]:
    """The low and the high end that a kernel is told."""
    return f"{name}_low", f"{name}_high"


def true_range(name: str) -> tuple[str, str]:
    """The low and the high end of the values that a kernel's shifted codes stand for."""
    return f"{name}_true_low", f"{name}_true_high"
