"""Write products of a batch of vectors and one matrix as MatMul, with what follows elementwise in front of the reshape.

    y = BatchMatMulV2(x[..., k], w[k, n])             x and y of three dimensions or more
    y = Einsum("abk,kn->abn", x, w), and the like     w's first dimensions are x's last ones

With the output `y`:

Before:
    x = Placeholder() shape=<?,3,2>
    w = Const() value=float32<2,2>[1, 2, 3, 4]
    m = BatchMatMulV2(x, w)
    bias = Const() value=float32<2>[5, 6]
    b = BiasAdd(m, bias)
    y = Relu(b)
After:
    x = Placeholder() shape=<?,3,2>
    bias = Const() value=float32<2>[5, 6]
    m/rows/shape = Const() value=int32<2>[-1, 2]
    m/rows = Reshape(x, m/rows/shape) T=float32 Tshape=int32
    m/matrix = Const() value=float32<2,2>[1, 2, 3, 4]
    m = MatMul(m/rows, m/matrix) T=float32 transpose_a=false transpose_b=false
    b = BiasAdd(m, bias)
    y/rows = Relu(b)
    y/shape = Const() value=int32<3>[-1, 3, 2]
    y = Reshape(y/rows, y/shape) T=float32 Tshape=int32

INT8 kernels multiply matrices only. A MatMul between two reshapes, which Keras writes for a dense layer on sequences,
has its bias and activation (a spelled-out Gelu, too) moved in front of the second one in the same way. The arithmetic
stays what it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from octavo.graph import Graph, Node, const_node, const_value, producer_name
from octavo.graph.attrs import DType
from octavo.graph.sort import execution_order
from octavo.graph.tensors import Array
from octavo.graph.workspace import Edit, Workspace
from octavo.int8.activations import Surroundings, spelled_out
from octavo.runtime.shapes import Shape, static_shapes

PRODUCTS = frozenset({"BatchMatMulV2", "BatchMatMul", "Einsum"})
ADDS = frozenset({"BiasAdd", "Add", "AddV2"})
UNARY = frozenset({"Relu", "Relu6", "LeakyRelu", "Elu", "Sigmoid", "Tanh"})


@dataclass(frozen=True, slots=True)
class Product:
    """A product with one matrix.

    Attributes:
        nodes: what the MatMul stands for: the product, or a MatMul and the reshape behind it.
        rows: the tensor whose last dimensions are multiplied.
        matrix: float32 [k, n]; None for a MatMul that is there already.
        lead: how many first dimensions of `rows` the result keeps.
        tail: the result's other dimensions; their product is n.
    """

    nodes: tuple[Node, ...]
    rows: str
    matrix: Array | None
    lead: int
    tail: tuple[int, ...]


def flatten_matmuls(graph: Graph) -> Graph:
    """Write products of a batch of vectors and one matrix as MatMul."""
    if not any(node.op in PRODUCTS | {"MatMul"} for node in graph.nodes.values()):
        return graph
    names = {t for n in graph.nodes.values() if n.op in PRODUCTS | {"MatMul"} for t in (n.name, *n.data_inputs)}
    names |= {n.name for n in graph.nodes.values() if n.op == "Reshape"}
    shapes = static_shapes(graph, names)
    space = Workspace(graph)
    for name in graph.nodes:
        product = _product(space, space.nodes.get(name), shapes)
        if product is not None:
            _flatten(space, product, shapes)
    flat = space.graph()
    return replace(flat, nodes={node.name: node for node in execution_order(flat)})


def _product(space: Workspace, node: Node | None, shapes: Mapping[str, Shape]) -> Product | None:
    if node is None or node.control_inputs:
        return None
    if node.op == "MatMul":
        return _reshaped_matmul(space, node, shapes)
    if node.op not in PRODUCTS or len(node.data_inputs) != 2:
        return None
    matrix = space.producer(node.data_inputs[1])
    shape = shapes[node.data_inputs[0]]
    if matrix.op != "Const" or shape is None or len(shape) < 3:
        return None
    value = const_value(matrix)
    if value.dtype != np.float32:
        return None
    return _einsum(node, value, shape) if node.op == "Einsum" else _batch_matmul(node, value, shape)


def _batch_matmul(node: Node, matrix: Array, shape: tuple[int | None, ...]) -> Product | None:
    if matrix.ndim != 2 or node.flag("adj_x"):
        return None
    flat = matrix.T if node.flag("adj_y") else matrix
    return Product((node,), node.data_inputs[0], flat, len(shape) - 1, (flat.shape[1],))


def _einsum(node: Node, matrix: Array, shape: tuple[int | None, ...]) -> Product | None:
    """An Einsum whose second operand begins with the letters that the first one ends with: "abc,cd->abd"."""
    operands, _, result = node.text("equation").replace(" ", "").partition("->")
    left, _, right = operands.partition(",")
    summed = len([letter for letter in right if letter in left])
    lead = len(left) - summed
    fits = left[lead:] == right[:summed] and result == left[:lead] + right[summed:]
    if (
        not fits
        or not summed
        or "." in operands
        or len({*left, *right}) != lead + len(right)
        or len(left) != len(shape)
    ):
        return None
    tail = tuple(int(n) for n in matrix.shape[summed:])
    return Product((node,), node.data_inputs[0], matrix.reshape(-1, int(np.prod(tail, initial=1))), lead, tail)


def _reshaped_matmul(space: Workspace, node: Node, shapes: Mapping[str, Shape]) -> Product | None:
    """A MatMul with a reshape behind it that keeps its last dimension, and something to move in front of that."""
    reshape = _only_reader(space, node)
    if reshape is None or reshape.op != "Reshape" or not (_movable(space, reshape) or _gelu(space, reshape)):
        return None
    before, after = shapes[node.name], shapes.get(reshape.name)
    if not before or not after or before[-1] is None or before[-1] != after[-1] or len(after) < 3:
        return None
    return Product((node, reshape), node.data_inputs[0], None, len(after) - 1, (before[-1],))


def _flatten(space: Workspace, product: Product, shapes: Mapping[str, Shape]) -> None:
    first, last = product.nodes[0], product.nodes[-1]
    moved: list[Node] = []
    while (user := _movable(space, moved[-1] if moved else last, product)) is not None:
        moved.append(user)
    elementwise = _gelu(space, moved[-1] if moved else last)
    target = [last, *moved, *elementwise][-1]
    added = _matmul(product)
    flat = {last.name: first.name}  # tensor -> the same as rows
    for node in (*moved, *elementwise):
        consts = [] if node in elementwise else _flat_operand(space, node, product)
        added += consts
        operand = [consts[0].name if consts and t in _const_inputs(space, node) else t for t in node.data_inputs]
        inputs = tuple(flat.get(t, t) for t in operand)
        flat[node.name] = f"{node.name}/rows" if node is target else node.name
        added.append(replace(node, name=flat[node.name], inputs=(*inputs, *node.control_inputs)))
    tensor = flat[target.name]
    if target is first:
        added[-1] = replace(added[-1], name=f"{first.name}/product")
        tensor = added[-1].name
    added += _unflattened(target.name, tensor, product, shapes)
    space.apply(Edit(frozenset(n.name for n in (*product.nodes, *moved, *elementwise)), tuple(added)))


def _matmul(product: Product) -> list[Node]:
    """The product as a MatMul of rows and matrix."""
    node = product.nodes[0]
    if product.matrix is None:
        return [node]
    rows, shape, matrix = f"{node.name}/rows", f"{node.name}/rows/shape", f"{node.name}/matrix"
    flags = {"T": DType("float32"), "transpose_a": False, "transpose_b": False}
    return [
        const_node(shape, np.array([-1, product.matrix.shape[0]], np.int32)),
        _reshape(rows, product.rows, shape),
        const_node(matrix, product.matrix),
        Node(node.name, "MatMul", (rows, matrix), flags, node.device),
    ]


def _unflattened(name: str, rows: str, product: Product, shapes: Mapping[str, Shape]) -> list[Node]:
    """The reshape back to the product's own dimensions: by a constant, or by those of its data where two are open."""
    if product.matrix is None:
        reshape = product.nodes[-1]
        return [_reshape(name, rows, reshape.data_inputs[1], like=reshape)]
    shape = shapes[product.rows]
    assert shape is not None
    lead = shape[: product.lead]
    if sum(size is None for size in lead) <= 1:
        sizes = [-1 if size is None else size for size in (*lead, *product.tail)]
        return [const_node(f"{name}/shape", np.array(sizes, np.int32)), _reshape(name, rows, f"{name}/shape")]
    return [*_run_time_shape(name, product), _reshape(name, rows, f"{name}/shape")]


def _run_time_shape(name: str, product: Product) -> list[Node]:
    whole, begin, end, step, lead = (f"{name}/{part}" for part in ("whole", "begin", "end", "step", "lead"))
    int32 = {"T": DType("int32"), "Index": DType("int32")}
    masks = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
    joined = {"T": DType("int32"), "N": 2, "Tidx": DType("int32")}
    return [
        Node(whole, "Shape", (product.rows,), {"T": DType("float32"), "out_type": DType("int32")}),
        const_node(begin, np.array([0], np.int32)),
        const_node(end, np.array([product.lead], np.int32)),
        const_node(step, np.array([1], np.int32)),
        Node(lead, "StridedSlice", (whole, begin, end, step), {**int32, **dict.fromkeys(masks, 0)}),
        const_node(f"{name}/tail", np.array(product.tail, np.int32)),
        const_node(f"{name}/axis", np.int32(0)),
        Node(f"{name}/shape", "ConcatV2", (lead, f"{name}/tail", f"{name}/axis"), joined),
    ]


def _gelu(space: Workspace, node: Node) -> tuple[Node, ...]:
    """The nodes of a spelled-out Gelu behind a node."""
    found = spelled_out(Surroundings(space.nodes, space.readers, space.output_names), node)
    return found.nodes if found else ()


def _movable(space: Workspace, node: Node, product: Product | None = None) -> Node | None:
    """The only reader of a node when it works on each element, or each column, alone."""
    user = _only_reader(space, node)
    if user is None or user.op not in ADDS | UNARY:
        return None
    if user.op in UNARY:
        return user
    consts = _const_inputs(space, user)
    if len(consts) != 1:
        return None
    size = const_value(space.producer(consts[0])).size
    wide = size == int(np.prod(product.tail)) if product else const_value(space.producer(consts[0])).ndim == 1
    return user if wide else None


def _flat_operand(space: Workspace, node: Node, product: Product) -> list[Node]:
    """The bias of a moved add as a vector, where it is not one."""
    consts = _const_inputs(space, node)
    if node.op in UNARY or not consts:
        return []
    value = const_value(space.producer(consts[0]))
    return [] if value.ndim == 1 and len(product.tail) == 1 else [const_node(f"{node.name}/vector", value.reshape(-1))]


def _const_inputs(space: Workspace, node: Node) -> list[str]:
    return [t for t in node.data_inputs if space.producer(t).op == "Const"]


def _only_reader(space: Workspace, node: Node) -> Node | None:
    readers = space.readers(node.name)
    if node.name in space.output_names or len(readers) != 1:
        return None
    reads = [t for t in readers[0].inputs if producer_name(t) == node.name]
    return readers[0] if reads == [node.name] else None


def _reshape(name: str, tensor: str, shape: str, *, like: Node | None = None) -> Node:
    attrs = like.attrs if like else {"T": DType("float32"), "Tshape": DType("int32")}
    return Node(name, "Reshape", (tensor, shape), attrs)
