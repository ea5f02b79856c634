import numpy as np

from examples import example, random, values
from octavo.graph import from_def
from octavo.graph.text import to_text
from octavo.tensorflow import import_tensorflow
from octavo.transform_graph.transforms.add_default_attributes import add_default_attributes


def test_what_a_node_says_stays() -> None:
    graph = example("x = Placeholder()\ny = LeakyRelu(x) alpha=0.5\nz = Zap(y) k=1")
    lines = to_text(add_default_attributes(graph)).splitlines()
    assert lines[1:] == ["y = LeakyRelu(x) T=float32 alpha=0.5", "z = Zap(y) k=1"]


def test_the_output_stays_the_same() -> None:
    before = example("x = Placeholder() shape=<2,2>\ny = MatMul(x, x)", inputs=("x",), outputs=("y",))
    x = random(2, 2)
    np.testing.assert_array_equal(values(add_default_attributes(before), {"x": x})[0], values(before, {"x": x})[0])


def test_library_functions_get_theirs_too() -> None:
    tf = import_tensorflow()
    doubled = tf.function(lambda x: tf.matmul(x, x), input_signature=[tf.TensorSpec([2, 2])], autograph=False)
    with tf.Graph().as_default() as made:
        tf.identity(doubled(tf.compat.v1.placeholder(tf.float32, [2, 2], "x")), name="y")
    before = from_def(made.as_graph_def()).with_ends(("x",), ("y",))
    [matmul] = [node for f in before.library.function for node in f.node_def if node.op == "MatMul"]
    for key in ("transpose_a", "grad_a"):
        matmul.attr.pop(key, None)
    bare = before.library.SerializeToString(deterministic=True)
    after = add_default_attributes(before)
    [filled] = [node for f in after.library.function for node in f.node_def if node.op == "MatMul"]
    assert {"transpose_a", "grad_a"} <= set(filled.attr)
    assert before.library.SerializeToString(deterministic=True) == bare
    x = random(2, 2)
    np.testing.assert_array_equal(values(after, {"x": x})[0], values(before, {"x": x})[0])
