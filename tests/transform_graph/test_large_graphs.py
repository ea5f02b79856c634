"""Graphs of many nodes: the time is linear, and no depth is too deep."""

import time

import pytest

from examples import example
from octavo.graph import Graph, Node
from octavo.transform_graph.transform import transform

BLOCK = """
    x = Placeholder() shape=<1,4,4,2>
    w = Const() value=float32<1,1,2,2>[0.5]
    read = Identity(w)
    conv = Conv2D(x, read)
    variance = Const() value=float32<2>[1, 2]
    epsilon = Const() value=float32<>[0.001]
    sum = Add(variance, epsilon)
    root = Rsqrt(sum)
    scaled = Mul(conv, root)
    beta = Const() value=float32<2>[1, 2]
    shifted = AddV2(scaled, beta)
    y = Relu(shifted)
"""
LIST = "strip_unused_nodes fold_constants fold_batch_norms remove_nodes(op=Identity) sort_by_execution_order"


def blocks(count: int) -> Graph:
    """A chain of convs with batch norms, 11 nodes each."""
    block = example(BLOCK)
    nodes = [Node("0/y", "Placeholder", (), block.nodes["x"].attrs)]
    for n in range(1, count + 1):
        for node in list(block.nodes.values())[1:]:
            inputs = tuple(f"{n - 1}/y" if t == "x" else f"{n}/{t}" for t in node.inputs)
            nodes.append(Node(f"{n}/{node.name}", node.op, inputs, node.attrs))
    return Graph({}).with_nodes(nodes).with_ends(["0/y"], [f"{count}/y"])


def test_20_000_nodes_take_seconds() -> None:
    graph = blocks(1_820)
    assert len(graph.nodes) > 20_000
    start = time.monotonic()
    result = transform(graph, LIST)
    assert time.monotonic() - start < 30  # about 2 s on a machine of its own
    assert len(result.nodes) == 1 + 1_820 * 5


@pytest.fixture(scope="module")
def chain() -> Graph:
    """100,000 nodes, each behind the next in the file."""
    attrs = example("x = Placeholder()\ny = Neg(x)").nodes["y"].attrs
    nodes = [Node(f"n{n}", "Neg", (f"n{n - 1}",), attrs) for n in range(100_000, 0, -1)]
    graph = Graph({}).with_nodes([*nodes, *example("n0 = Placeholder()").nodes.values()])
    return graph.with_ends(["n0"], ["n100000"])


@pytest.mark.parametrize(
    "step",
    [
        "strip_unused_nodes",
        "add_default_attributes",
        "backport_concatv2",
        "backport_tensor_array_v3",
        "flatten_atrous_conv",
        "fold_constants",
        "fold_batch_norms",
        "fold_old_batch_norms",
        "fuse_convolutions",
        "insert_logging(op=Exp)",
        "merge_duplicate_nodes",
        "obfuscate_names",
        "quantize_nodes",
        "quantize_weights",
        "remove_attribute(attribute_name=_class)",
        "remove_control_dependencies",
        "remove_device",
        "remove_nodes(op=Neg)",
        "rename_attribute(old_attribute_name=a, new_attribute_name=b)",
        "rename_node(old_node_name=n5, new_node_name=m)",
        "rename_op(old_op_name=Neg, new_op_name=Relu)",
        "round_weights",
        "set_device(device=CPU)",
        "sort_by_execution_order",
        "sparsify_gather",
    ],
)
def test_a_chain_of_100_000_nodes_is_not_too_deep(chain: Graph, step: str) -> None:
    transform(chain, step).check()
