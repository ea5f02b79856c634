"""What holds for every graph and every list of transforms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from examples import random, values
from octavo.graph import Graph
from octavo.graph.text import parse_graph, to_text
from octavo.tensorflow import import_tensorflow
from octavo.transform_graph.catalog import TRANSFORMS
from octavo.transform_graph.language import IGNORE_ERRORS, Step, Transform, kind_of, parameters, parse_steps
from octavo.transform_graph.transform import transform
from random_graphs import SHAPE, float_graphs

import_tensorflow()  # draws random numbers, which no strategy may do

TOLERANCE = 1e-4
"""Largest difference between a graph's output before and after, relative to the largest magnitude inside the graph."""

EQUIVALENT = (
    "add_default_attributes",
    "equalize_weights",
    "flatten_atrous_conv",
    "flatten_matmuls",
    "fold_batch_norms",
    "fold_constants",
    "fold_convolutionwithbias_mul",
    "fold_old_batch_norms",
    "fold_subdivmul_batch_norms",
    "free_batch_dimension",
    "fuse_convolutions",
    "fuse_quantized_conv_and_requantize",
    "fuse_quantized_matmul_and_requantize",
    "merge_duplicate_nodes",
    "mkl_fuse_pad_and_conv",
    "obfuscate_names",
    "remove_control_dependencies",
    "remove_device",
    "remove_nodes(op=Identity, op=CheckNumerics)",
    "rename_node(old_node_name=n1, new_node_name=other, ignore_errors=true)",
    "rerange_quantized_concat",
    "set_device(device=/cpu:0)",
    "sort_by_execution_order",
    "strip_unused_nodes",
)
"""The calls after which a float graph computes what it did."""

CHANGING = (
    "insert_logging(op=NoSuchOp)",
    "quantize_weights(minimum_size=16)",
    "quantize_nodes",
    "round_weights(num_steps=8)",
    "remove_attribute(attribute_name=dilations)",
    "rename_attribute(old_attribute_name=_a, new_attribute_name=_b)",
    "rename_op(old_op_name=CheckNumerics, new_op_name=Identity)",
    "backport_concatv2",
    "backport_tensor_array_v3",
    "fuse_pad_and_conv",
    "fuse_resize_and_conv",
    "fuse_resize_pad_and_conv",
    "insert_logging(op=Conv2D)",
    "obsfucate_names",
    "sparsify_gather",
)
"""Calls of the other transforms, which may change a little, or what TensorFlow must have beside the graph."""

NOT_IDEMPOTENT = {
    "freeze_bias_corrections": "what its log names is gone after the first time",
    "freeze_max": "what its log names is gone after the first time",
    "freeze_min": "what its log names is gone after the first time",
    "freeze_requantization_ranges": "what its log names is gone after the first time",
    "split_batch": "its batches are cut after the first time",
    "rename_node": "the node of the old name is gone after the first time",
}
"""The transforms that are not idempotent, and why."""

SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much]


def magnitude(graph: Graph, x: Any) -> float:
    """The largest magnitude of any float tensor in the graph."""
    names = [n.name for n in graph.nodes.values() if "T" in n.attrs and "axis" not in n.name and "pads" not in n.name]
    return max((float(np.abs(v).max()) for v in values(graph, {"x": x}, names) if v.dtype == np.float32), default=1.0)


@settings(max_examples=40, suppress_health_check=SLOW)
@given(graph=float_graphs(), calls=st.lists(st.sampled_from(EQUIVALENT), min_size=1, max_size=5))
def test_outputs_stay_what_they_were(graph: Graph, calls: list[str]) -> None:
    x = random(*SHAPE)
    most = magnitude(graph, x)
    assume(np.isfinite(most) and most < 1e6)
    result = transform(graph, " ".join(calls))
    for old, new in zip(values(graph, {"x": x}), values(result, {"x": x}), strict=True):
        np.testing.assert_allclose(new, old, rtol=0, atol=TOLERANCE * max(most, 1))


@settings(max_examples=40, suppress_health_check=SLOW)
@given(graph=float_graphs(), calls=st.lists(st.sampled_from(EQUIVALENT + CHANGING), min_size=1, max_size=6))
def test_the_graph_stays_whole(graph: Graph, calls: list[str]) -> None:
    result = transform(graph, " ".join(calls))
    result.check()
    renamed = any(call.startswith("rename_node") for call in calls)
    outputs = [("other" if renamed and name == "n1" else name) for name in graph.outputs]
    assert (result.inputs, list(result.outputs)) == (graph.inputs, outputs)
    assert (result.library, result.versions) == (graph.library, graph.versions)
    assert all(name == node.name for name, node in result.nodes.items())


@settings(max_examples=10, suppress_health_check=SLOW)
@pytest.mark.parametrize("call", EQUIVALENT + CHANGING)
@given(graph=float_graphs(most=8))
def test_doing_it_twice_is_doing_it_once(call: str, graph: Graph) -> None:
    if why := NOT_IDEMPOTENT.get(call.partition("(")[0]):
        pytest.skip(why)
    once = transform(graph, call)
    assert to_text(transform(once, call)) == to_text(once)


def test_every_transform_is_called_above_or_says_why_not() -> None:
    called = {call.split("(")[0] for call in EQUIVALENT + CHANGING}
    assert {t.__name__ for t in TRANSFORMS} == called | set(NOT_IDEMPOTENT)


@given(graph=float_graphs())
def test_the_text_of_a_graph_reads_back(graph: Graph) -> None:
    text = to_text(graph)
    assume("[#" not in text)
    assert parse_graph(text, inputs=graph.inputs, outputs=graph.outputs) == graph


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters='"\\'))
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "str": TEXTS,
    "int": st.integers(),
    "float": st.floats(allow_nan=False),
    "bool": st.booleans(),
}


@st.composite
def steps(draw: Any) -> Step:
    """A transform with some of its parameters, and those that it needs."""
    chosen: Transform = draw(st.sampled_from(TRANSFORMS))
    args: dict[str, Any] = {}
    for name, each in parameters(chosen).items():
        if each.default is not each.empty and draw(st.booleans()):
            continue
        kind = kind_of(each).removesuffix(" | None")
        if kind.startswith("tuple["):
            args[name] = tuple(draw(st.lists(KINDS[kind[6:].split(",", maxsplit=1)[0]], min_size=1, max_size=3)))
        else:
            args[name] = draw(KINDS[kind])
    return Step(chosen, args, draw(st.booleans()))


@given(listed=st.lists(steps(), max_size=4), separator=st.sampled_from([" ", "\n", " \\\n\t"]))
def test_a_list_reads_back_as_it_was_written(listed: list[Step], separator: str) -> None:
    assert parse_steps(separator.join(map(str, listed)), TRANSFORMS) == tuple(listed)


def test_every_transform_takes_ignore_errors() -> None:
    for each in TRANSFORMS:
        args = [f"{name}=1" for name, p in parameters(each).items() if p.default is p.empty]
        text = f"{each.__name__}({', '.join([*args, f'{IGNORE_ERRORS}=TRUE'])})"
        assert parse_steps(text, TRANSFORMS)[0].ignore_errors
