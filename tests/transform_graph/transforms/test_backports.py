"""The transforms for older TensorFlow: backport_concatv2 and backport_tensor_array_v3."""

from typing import Any

import numpy as np
import pytest

from examples import example, random, values
from octavo.graph import Graph, from_def
from octavo.tensorflow import import_tensorflow
from octavo.transform_graph.transforms.backport_concatv2 import backport_concatv2
from octavo.transform_graph.transforms.backport_tensor_array_v3 import backport_tensor_array_v3


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_a_concat_keeps_its_values(dtype: type[np.generic]) -> None:
    text = f"x = Placeholder()\nn = Neg(x)\ninit = NoOp()\ny = ConcatV2(x, n, x, a, ^init) N=3 Tidx={dtype.__name__}"
    before = example(text, inputs=("x",), outputs=("y",), consts={"a": np.array(-1, dtype)})
    after = backport_concatv2(before)
    axis = "a" if dtype is np.int32 else "y/axis"
    assert after.nodes["y"].op == "Concat"
    assert after.nodes["y"].inputs == (axis, "x", "n", "x", "^init")
    assert "Tidx" not in after.nodes["y"].attrs
    x = random(2, 3)
    np.testing.assert_array_equal(values(after, {"x": x})[0], values(before, {"x": x})[0])
    assert backport_concatv2(after) == after


def test_other_concats_are_left_alone() -> None:
    graph = example(
        "a = Const() value=int32<>[0]\nx = Placeholder()\ny = Concat(a, x, x) N=2\nz = ConcatOffset(a, a) N=1"
    )
    assert backport_concatv2(graph) == graph


def loop_over_rows() -> Graph:
    """y = 2 x + 1, row by row, in a while loop that reads one tensor array and writes another."""
    tf = import_tensorflow()
    made = tf.Graph()
    raw, v1 = tf.raw_ops, tf.compat.v1
    with made.as_default():
        v1.disable_control_flow_v2()
        x = v1.placeholder(tf.float32, [3, 2], name="x")
        size = tf.constant(3)
        array = raw.TensorArrayV3(size=size, dtype=tf.float32, identical_element_shapes=True, name="rows")
        rows = raw.TensorArrayScatterV3(handle=array.handle, indices=tf.range(3), value=x, flow_in=array.flow)
        result = raw.TensorArrayV3(size=size, dtype=tf.float32, name="result")

        def step(i: Any, flow: Any) -> tuple[Any, Any]:
            row = raw.TensorArrayReadV3(handle=array.handle, index=i, flow_in=rows, dtype=tf.float32)
            written = raw.TensorArrayWriteV3(handle=result.handle, index=i, value=2.0 * row + 1.0, flow_in=flow)
            return i + 1, written

        _, flow = v1.while_loop(lambda i, _: i < 3, step, [tf.constant(0), result.flow])
        handle = tf.identity(result.handle)
        raw.TensorArrayGatherV3(handle=handle, indices=tf.range(3), flow_in=flow, dtype=tf.float32, name="y")
        v1.enable_control_flow_v2()
    return from_def(made.as_graph_def()).with_ends(("x",), ("y",))


def test_a_loop_over_tensor_arrays_gives_the_same() -> None:
    before = loop_over_rows()
    after = backport_tensor_array_v3(before)
    assert not [node.op for node in after.nodes.values() if node.op.endswith("V3")]
    assert {"rows/replacement_flow_node", "result/replacement_flow_node"} <= after.nodes.keys()
    handles = [n for n in after.nodes.values() if n.op == "Enter" and n.inputs[0] in {"rows", "result"}]
    assert [node.dtype("T") for node in handles] == ["string"] * 2
    x = random(3, 2)
    np.testing.assert_array_equal(values(after, {"x": x})[0], 2 * x + 1)
    assert backport_tensor_array_v3(after) == after


def test_the_version_becomes_one_that_takes_the_older_ops() -> None:
    before = loop_over_rows()
    after = backport_tensor_array_v3(before)
    assert (after.versions.producer, before.versions.producer > 25) == (25, True)
    assert after.versions.min_consumer == before.versions.min_consumer


def test_a_graph_without_tensor_arrays_keeps_its_version() -> None:
    before = loop_over_rows()
    bare = example("x = Placeholder()\ny = Relu(x)")
    object.__setattr__(bare, "versions", before.versions)
    assert backport_tensor_array_v3(bare) is bare


def test_gradients_change_too() -> None:
    text = """
        size = Const() value=int32<>[2]
        array = TensorArrayV3(size) dtype=float32
        g = TensorArrayGradV3(array, array:1) source="g"
        n = TensorArraySizeV3(g, g:1)
    """
    after = backport_tensor_array_v3(example(text))
    assert [n.op for n in after.nodes.values() if n.op.startswith("Tensor")] == [
        "TensorArrayV2",
        "TensorArrayGradV2",
        "TensorArraySizeV2",
    ]
    assert after.nodes["n"].inputs == ("g", "g/replacement_flow_node")
