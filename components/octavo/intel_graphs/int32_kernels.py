"""Intel's kernels with 32-bit results, and how they stand in a graph whose ranges are not frozen yet.

Each is followed by the measurement of its range, and by what brings it to 8 bits:

    c = QuantizedConv2DWithBiasAndRelu(x, filter, bias, x_low, x_high, filter_low, filter_high)
    range = RequantizationRange(c, c:1, c:2)
    q = Requantize(c, c:1, c:2, range, range:1)
"""

from __future__ import annotations

from dataclasses import dataclass

from octavo.graph import Node
from octavo.int8.ops import Codes, Window

REQUANTIZES = frozenset({"Requantize", "RequantizePerChannel"})

CONVS = frozenset(
    {
        "QuantizedConv2D",
        "QuantizedConv2DPerChannel",
        "QuantizedConv2DAndRelu",
        "QuantizedConv2DWithBias",
        "QuantizedConv2DWithBiasAndRelu",
        "QuantizedConv2DWithBiasSumAndRelu",
        "QuantizedDepthwiseConv2D",
        "QuantizedDepthwiseConv2DWithBias",
        "QuantizedDepthwiseConv2DWithBiasAndRelu",
    }
)
MATMULS = frozenset({"QuantizedMatMulWithBias", "QuantizedMatMulWithBiasAndRelu"})


@dataclass(frozen=True, slots=True)
class Int32Kernel:
    """One of CONVS or MATMULS, its inputs by their meaning.

    Attributes:
        node: the node itself.
        data: the codes of its input.
        weights: those of its weights, qint8; the ends of their range are scalars or vectors of a number a channel.
        bias: the tensor of its bias, None where the op has none.
        summand: the float32 tensor that it adds, None where the op adds none.
    """

    node: Node
    data: Codes
    weights: Codes
    bias: str | None
    summand: str | None

    @property
    def relu(self) -> bool:
        """Whether the op ends in a Relu."""
        return self.node.op.endswith("AndRelu")

    @property
    def depthwise(self) -> bool:
        """Whether it is a depthwise convolution."""
        return "Depthwise" in self.node.op

    @property
    def window(self) -> Window:
        """Where the convolution looks."""
        return Window(
            self.node.integers("strides"),
            self.node.text("padding"),
            self.node.integers("dilations"),
            self.node.integers("padding_list", ()),
        )


def int32_kernel(node: Node) -> Int32Kernel:
    """Read a node of one of the types in CONVS or MATMULS."""
    inputs = list(node.data_inputs)
    bias = inputs.pop(2) if "WithBias" in node.op else None
    dtype = node.dtype("T1" if node.op in MATMULS else "Tinput")
    return Int32Kernel(
        node,
        Codes(inputs[0], inputs[2], inputs[3], dtype),
        Codes(inputs[1], inputs[4], inputs[5], "qint8"),
        bias,
        inputs[6] if "Sum" in node.op else None,
    )
