from pathlib import Path

import numpy as np
import pytest

from examples import example, random, values
from octavo.errors import GraphError, SpecError
from octavo.graph import Graph, const_value, from_def, to_def
from octavo.graph.tensors import Array
from octavo.runtime.proof import with_tables_filled
from octavo.tensorflow import import_tensorflow, quiet_tensorflow
from octavo.transform_graph.transforms.sparsify_gather import sparsify_gather

WEIGHTS = np.where(np.abs(random(50, 1)) < 0.7, np.float32(0), random(50, 1))
IDS = np.random.default_rng(1).integers(0, 50, (4, 3))

GATHER = "y = Gather(read, ids) Tindices=int64"


def graph_of(gather: str = GATHER, *, weights: Array = WEIGHTS, outputs: tuple[str, ...] = ("y",)) -> Graph:
    text = f"ids = Placeholder() dtype=int64\nread = Identity(w)\naxis = Const() value=int32<>[0]\n{gather}"
    return example(text, inputs=("ids",), outputs=outputs, consts={"w": weights}).without_dead_nodes()


def assert_same_output(before: Graph, after: Graph, ids: Array = IDS) -> None:
    found = values(with_tables_filled(after), {"ids": ids})
    for old, new in zip(values(before, {"ids": ids}), found, strict=True):
        np.testing.assert_array_equal(new, old)


@pytest.mark.parametrize(
    "gather",
    [
        pytest.param(GATHER, id="gather"),
        pytest.param("y = GatherV2(read, ids, axis) Tindices=int64 Taxis=int32", id="gather_v2"),
        pytest.param("y = Gather(w, ids) Tindices=int64", id="without_identity"),
        pytest.param("c = Cast(ids) SrcT=int64 DstT=int32\ny = Gather(read, c) Tindices=int32", id="int32_ids"),
        pytest.param(f"{GATHER.replace('y', 'g')}\nh = Gather(read, ids) Tindices=int64\ny = Add(g, h)", id="two"),
    ],
)
def test_the_rows_are_the_same(gather: str) -> None:
    before = graph_of(gather)
    after = sparsify_gather(before).graph
    assert not {"w", "read"} & after.nodes.keys()
    assert [n.op for n in after.nodes.values()].count("HashTableV2") == 1
    np.testing.assert_array_equal(const_value(after.nodes["w/indices"]), np.flatnonzero(WEIGHTS))
    assert after.nodes["group_deps"].inputs == ("^w/InitializeTable",)
    assert_same_output(before, after)
    assert sparsify_gather(after).graph == after


def test_a_session_fills_the_tables_once_and_runs_many_times() -> None:
    tf = import_tensorflow()
    before = graph_of()
    with tf.Graph().as_default() as loaded:
        tf.graph_util.import_graph_def(to_def(sparsify_gather(before, group_init_node="init_all").graph), name="")
    with tf.compat.v1.Session(graph=loaded) as session:
        session.run("init_all")
        found = [session.run("y:0", {"ids:0": ids}) for ids in (IDS, IDS.T)]
    np.testing.assert_array_equal(found[0], values(before, {"ids": IDS})[0])
    np.testing.assert_array_equal(found[1], values(before, {"ids": IDS.T})[0])


def test_small_values_become_zero_and_nan_stays() -> None:
    weights = np.array([[0.2], [0.000001], [-1.2], [0.001], [np.nan]], np.float32)
    after = sparsify_gather(graph_of(weights=weights)).graph
    assert const_value(after.nodes["w/indices"]).tolist() == [0, 2, 3, 4]
    np.testing.assert_array_equal(const_value(after.nodes["w/values"]), weights[[0, 2, 3, 4], 0])


def test_a_weight_of_zeros_has_one_row_of_zero() -> None:
    before = graph_of(weights=np.zeros((50, 1), np.float32))
    after = sparsify_gather(before).graph
    assert const_value(after.nodes["w/indices"]).tolist() == [0]
    assert_same_output(before, after)


def test_what_else_reads_the_weight_keeps_it() -> None:
    before = graph_of(f"{GATHER}\nz = Neg(read)", outputs=("y", "z"))
    after = sparsify_gather(before).graph
    assert {"w", "read", "w/HashTable"} <= after.nodes.keys()
    assert_same_output(before, after)


def test_control_edges_stay_and_the_initializer_joins_the_group() -> None:
    text = "init = NoOp()\nread_late = Identity(w, ^init)\ngroup_deps = NoOp(^init)\n"
    text += "y = Gather(read_late, ids, ^init) Tindices=int64"
    after = sparsify_gather(graph_of(text, outputs=("y", "group_deps"))).graph
    assert after.nodes["y/LookupTableFind"].inputs == ("w/HashTable", "ids", "y/Const", "^init")
    assert after.nodes["group_deps"].inputs == ("^init", "^w/InitializeTable")


@pytest.mark.parametrize(
    ("gather", "weights"),
    [
        pytest.param(GATHER, random(50, 2), id="two_columns"),
        pytest.param(GATHER, random(50), id="a_vector"),
        pytest.param("y = Gather(r, ids) Tindices=int64\nr = Relu(w)", WEIGHTS, id="computed"),
        pytest.param("one = Const() value=int32<>[1]\ny = GatherV2(read, ids, one) Tindices=int64", WEIGHTS, id="axis"),
        pytest.param("y = GatherNd(read, ids) Tindices=int64", WEIGHTS, id="gather_nd"),
    ],
)
def test_near_misses_are_left_alone(gather: str, weights: Array) -> None:
    graph = graph_of(gather, weights=weights)
    assert sparsify_gather(graph).graph == graph


def test_a_weight_of_another_type_or_that_is_fed_is_left_alone() -> None:
    text = "ids = Placeholder() dtype=int64\ny = Gather(w, ids) Tindices=int64 Tparams=float64"
    graph = example(text, inputs=("ids",), outputs=("y",), consts={"w": random(5, 1).astype(np.float64)})
    assert sparsify_gather(graph).graph == graph
    fed = graph_of().with_ends(("ids", "w"), ("y",))
    assert sparsify_gather(fed).graph == fed


def test_a_group_of_another_type_is_refused() -> None:
    with pytest.raises(GraphError, match="group_init_node 'axis' is a Const; wanted a NoOp"):
        sparsify_gather(graph_of("y = GatherV2(read, ids, axis) Tindices=int64 Taxis=int32"), group_init_node="axis")


def training_run(folder: Path, *, partitions: int = 1, resources: bool = False) -> tuple[Graph, str, Array]:
    """A graph with variables, its checkpoint's prefix, and what it gives for IDS."""
    tf = import_tensorflow()
    v1 = tf.compat.v1
    with quiet_tensorflow(), tf.Graph().as_default() as made, v1.Session() as session:
        v1.set_random_seed(3)
        ids = v1.placeholder(tf.int64, [None, None], "ids")
        split = v1.fixed_size_partitioner(partitions) if partitions > 1 else None
        with v1.variable_scope("", use_resource=resources, partitioner=split):
            weights = v1.get_variable("w", [50, 1], initializer=v1.random_normal_initializer())
        rows = [
            tf.raw_ops.Gather(params=tf.identity(part), indices=ids % 25)
            for part in (weights if partitions > 1 else [weights])
        ]
        tf.add_n(rows, name="y")
        saver = v1.train.Saver()
        session.run(v1.global_variables_initializer())
        prefix = saver.save(session, str(folder / "model"), write_meta_graph=False)
        result = session.run("y:0", {"ids:0": IDS})
    return from_def(made.as_graph_def()).with_ends(("ids",), ("y",)), prefix, result


def without_saving(graph: Graph) -> Graph:
    """The graph without what writes a checkpoint; what reads one stays."""
    gone = {node.name for node in graph.nodes.values() if node.op == "SaveV2"}
    todo = list(gone)
    while todo:
        readers = {node.name for node in graph.consumers[todo.pop()]} - gone
        gone |= readers
        todo += readers
    return graph.with_nodes(node for node in graph.nodes.values() if node.name not in gone)


@pytest.mark.parametrize("resources", [False, True])
@pytest.mark.parametrize("partitions", [1, 2])
def test_variables_are_read_from_the_checkpoint(tmp_path: Path, partitions: int, resources: bool) -> None:
    graph, prefix, expected = training_run(tmp_path, partitions=partitions, resources=resources)
    after = sparsify_gather(graph, input_checkpoint=prefix).graph
    assert [n.op for n in after.nodes.values()].count("HashTableV2") == partitions
    assert {"save/SaveV2", "save/restore_all"} <= after.nodes.keys()
    np.testing.assert_array_equal(values(with_tables_filled(after), {"ids": IDS})[0], expected)


@pytest.mark.parametrize("partitions", [1, 2])
def test_a_variable_that_nothing_reads_any_more_goes_with_its_initializer(tmp_path: Path, partitions: int) -> None:
    graph, prefix, expected = training_run(tmp_path, partitions=partitions)
    after = sparsify_gather(without_saving(graph), input_checkpoint=prefix, group_init_node="init").graph
    assert not {"VariableV2", "Assign", "RandomStandardNormal"} & {node.op for node in after.nodes.values()}
    assert {t.split("/")[-1] for t in after.nodes["init"].inputs} == {"InitializeTable"}
    np.testing.assert_array_equal(values(with_tables_filled(after), {"ids": IDS})[0], expected)


def test_a_variable_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    graph, prefix, _ = training_run(tmp_path)
    with pytest.raises(SpecError, match="has no value in the graph; name its checkpoint with input_checkpoint"):
        sparsify_gather(graph)
    with pytest.raises(GraphError, match="cannot be read"):
        sparsify_gather(graph, input_checkpoint=f"{prefix}-1")
