"""The text of TensorFlow's summarize_graph, byte for byte.

Where the original said nothing of them, these are listed as their kin are: variables that are resources,
placeholders with a default, and what iterators and queues deliver; and a variable's elements are counted.
"""

from __future__ import annotations

from collections.abc import Iterable

from octavo.documents.summary import Input, Summary, Tensor, Variable
from octavo.graph.attr_proto import dtype_enum
from octavo.summarize_graph.sources import ITERATORS, PLACEHOLDERS, QUEUES

REFERENCES = frozenset({"Variable", "VariableV2"})
UNITS = "kMBT"


def text(summary: Summary) -> str:
    """The lines, each ended."""
    outputs = [found for found in summary.outputs if found.unread]
    lines = [
        _found("inputs", "possible inputs", map(_group, _sources(summary))),
        _found("variables", "variables", map(_group, summary.variables)),
        _found("outputs", "possible outputs", (f"(name={o.name}, op={o.op}) " for o in outputs)),
        _parameters(summary),
        _devices(summary) + "Op types used: " + ", ".join(f"{n} {op}" for op, n in summary.ops.items()),
        "To use with tensorflow/tools/benchmark:benchmark_model try these arguments:",
        _benchmark(summary),
    ]
    return "".join(f"{line}\n" for line in lines)


def human_readable(number: int) -> str:
    """A count as TensorFlow shows it: 999, then 1.00k, 25.50M, 1.00B, 1.00T; digits below the unit are cut off."""
    if number < 1000:
        return str(number)
    if number >= 10**15:
        return f"{float(number):0.3G}"
    unit = 0
    while number >= 1_000_000:
        number //= 1000
        unit += 1
    return f"{number / 1000:.2f}{UNITS[unit]}"


def short_dtype(dtype: str | None) -> tuple[str, int]:
    """TensorFlow's short name and number of a dtype: ("float", 1); ("INVALID", 0) for none."""
    if dtype is None:
        return "INVALID", 0
    name, number = dtype_enum(dtype)
    return name.removeprefix("DT_").lower(), number


def _found(none: str, some: str, groups: Iterable[str]) -> str:
    listed = list(groups)
    return f"Found {len(listed)} {some}: {''.join(listed)}" if listed else f"No {none} spotted."


def _sources(summary: Summary) -> list[Input]:
    """The inputs, without tensors in the middle of the graph that the user named."""
    return [found for found in summary.inputs if found.op in PLACEHOLDERS | ITERATORS | QUEUES]


def _group(found: Input | Variable) -> str:
    name, number = short_dtype(found.dtype)
    return f"(name={found.name}, type={name}({number}), shape={found.shape_text}) "


def _parameters(summary: Summary) -> str:
    constants, variables = (
        f"{count} ({human_readable(count)})" for count in (summary.const_parameters, summary.variable_parameters)
    )
    return (
        f"Found {constants} const parameters, {variables} variable parameters, "
        f"and {summary.control_edges} control_edges"
    )


def _devices(summary: Summary) -> str:
    return "".join(f"{count} nodes assigned to device '{name}'" for name, count in summary.devices.items())


def _benchmark(summary: Summary) -> str:
    fed: list[Input | Variable] = [*_sources(summary), *(v for v in summary.variables if v.op in REFERENCES)]
    outputs = (found.name for found in summary.outputs if found.unread)
    return (
        "bazel run tensorflow/tools/benchmark:benchmark_model --"
        f" --graph={summary.model} --show_flops"
        f" --input_layer={','.join(found.name for found in fed)}"
        f" --input_layer_type={','.join(short_dtype(found.dtype)[0] for found in fed)}"
        f" --input_layer_shape={':'.join(map(_sizes, fed))}"
        f" --output_layer={','.join(outputs)}"
    )


def _sizes(tensor: Tensor) -> str:
    return ",".join("-1" if size is None else str(size) for size in tensor.shape or ())
