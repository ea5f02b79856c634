"""What would make an op INT8 that stayed FP32."""

from __future__ import annotations

WAYS_OUT = (
    ("signed_inputs: false", "set signed_inputs: true in the recipe, or in an override for this node"),
    ("recipe: ", "take the rule out of the recipe, or add an override for this node with precision: int8"),
    ("its weights are not a Const", "freeze the variables, and fold constants before quantizing"),
    ("are NaN or infinite", "repair the model's weights"),
    ("the INT8 kernels replace float32", "convert the model to float32 before quantizing"),
    ("transpose_a", "transpose the data before the matmul, and set its transpose_a to false"),
    ("NHWC", "export the model with channels last (NHWC)"),
    ("channel multiplier", "use a depthwise conv with multiplier 1, or a Conv2D, in the model"),
    ("grouped convolution", "write the groups as convs of their own in the model"),
    ("body of a loop", "unroll the loop before quantizing"),
    ("branch of a conditional", "export the model for inference, with the condition a constant, and fold constants"),
    ("its input is constant", "fold constants: transform_graph --transforms=fold_constants"),
    ("it is inside the function", "inline the function before quantizing: freeze_graph does so where it can"),
    ("partly signed, partly not", "put a Relu behind every part that is joined, or leave one behind none"),
    ("what it reads is not INT8", "it follows the ops in front of it: see why those stayed FP32"),
    ("not Const", "make them constants in the model"),
    ("it joins a single tensor", "remove the concat, which does nothing"),
    ("no INT8 pool", "pad before the pool, or use SAME or VALID"),
    ("padding is explicit", "pad with a Pad in front of it, or use SAME or VALID"),
    ("pads the batch", "pad rows, columns or channels only"),
    ("pools over the batch or the channels", "use a Mean or Max over those dimensions, which stays float"),
    ("--excluded_", "leave it out of the flag"),
    ("QuantizedConv2D on quint8", "use oneDNN's kernels, which take dilations: --intel_cpu_eightbitize=True"),
    ("one range for a tensor", "use FakeQuantWithMinMaxVars, one range for all channels, or oneDNN's kernels"),
    ("axis is not known", "make the axis a constant in the model"),
    ("wider than a float32 can say", "scale the constant down in the model"),
    ("the eight-bit ops have 8", "train with FakeQuants of 8 bits"),
    ("its range is narrow", "train with FakeQuants whose narrow_range is false"),
    ("wanted min < max", "repair the FakeQuant's range in the model"),
)
"""A part of the reason that quantize_graph gives -> what would change it; the first that fits counts."""


def way_out(reason: str | None) -> str | None:
    """What would change a verdict of FP32 with that reason; None when nothing known would."""
    return next((advice for part, advice in WAYS_OUT if part in (reason or "")), None)
