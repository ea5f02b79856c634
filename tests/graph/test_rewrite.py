from dataclasses import replace

import pytest

from octavo.errors import GraphError
from octavo.graph import Graph, Node
from octavo.graph.miss import Miss
from octavo.graph.pattern import Const, Match, Op, Value, op
from octavo.graph.rewrite import Edit, Outcome, Rule, apply_rules, rule
from octavo.graph.text import parse_graph, to_text

HEAD = """
x8 = Placeholder()
lo = Const()
hi = Const()
w = Const()
bias = Const()
skip = Placeholder()
qlo = Const()
qhi = Const()
d = Dequantize(x8, lo, hi)
c = Conv2D(d, w)
"""
KERNELS = frozenset({"", "BiasAdd", "BiasAdd,Relu", "BiasAdd,Sum,Relu"})


def conv_chain() -> Op:
    y = op("Dequantize", Value("x"), Value("x_min"), Value("x_max"), name="dequantize")
    y = op("Conv2D", y, Const("filter"), name="conv")
    y = op("BiasAdd", y, Const("bias"), name="bias_add", optional=True)
    y = op("AddV2|Add", y, Value("summand"), name="sum", optional=True, any_order=True)
    y = op("Relu|Relu6", y, name="activation", optional=True)
    return op("QuantizeV2", y, Value("y_min"), Value("y_max"), name="quantize")


@rule(conv_chain(), anchor="conv")
def fuse_conv(m: Match) -> Edit:
    parts = [("bias_add", "BiasAdd"), ("sum", "Sum"), ("activation", "Relu")]
    fused = ",".join(label for key, label in parts if key in m)
    if fused not in KERNELS:
        raise Miss(f"no INT8 kernel for Conv2D + {fused}", at=m.anchor.name)
    extra = [m["bias"].name] if "bias_add" in m else []
    extra += [m.tensors["summand"]] if "sum" in m else []
    inputs = (m.tensors["x"], m["filter"].name, *extra, *m.control_inputs)
    return Edit(drop=frozenset(m.spine), add=(Node(m.root.name, "QuantizedConv2D", inputs),))


def fused(tail: str, *rules: Rule, outputs: tuple[str, ...] = ()) -> Outcome:
    outcome = apply_rules(parse_graph(HEAD + tail, outputs=outputs), rules or [fuse_conv])
    outcome.graph.check()
    return outcome


def test_fuses_bias_sum_and_relu_when_the_summand_comes_first() -> None:
    outcome = fused("b = BiasAdd(c, bias)\ns = AddV2(skip, b)\nr = Relu(s)\nq = QuantizeV2(r, qlo, qhi)")
    assert to_text(outcome.graph).splitlines()[-1] == "q = QuantizedConv2D(x8, w, bias, skip)"
    assert outcome.applied == {"c": ["fuse_conv"]}
    assert outcome.missed == {}


def test_what_only_the_chain_read_goes_with_it() -> None:
    graph = fused("q = QuantizeV2(c, qlo, qhi)").graph
    assert set(graph.nodes) == {"x8", "w", "bias", "skip", "q"}


def test_a_dequantize_that_others_read_stays() -> None:
    graph = fused("b = BiasAdd(c, bias)\nq = QuantizeV2(b, qlo, qhi)\nt = Tanh(d)").graph
    assert graph.nodes["t"].inputs == ("d",)
    assert "d" in graph.nodes


def test_the_result_stands_where_the_root_stood() -> None:
    graph = fused("q = QuantizeV2(c, qlo, qhi)\nt = Tanh(q)").graph
    assert list(graph.nodes)[-2:] == ["q", "t"]


def test_control_edges_into_the_chain_are_told_to_the_rule() -> None:
    graph = fused("b = BiasAdd(c, bias, ^skip)\nq = QuantizeV2(b, qlo, qhi, ^skip)").graph
    assert graph.nodes["q"].inputs == ("x8", "w", "bias", "^skip")


@pytest.mark.parametrize(
    ("tail", "why"),
    [
        pytest.param("p = Softmax(c)", "expected QuantizeV2 after Conv2D, found Softmax 'p'", id="not_quantized"),
        pytest.param("r1 = Relu(c)\nr2 = Tanh(c)", r"Conv2D feeds 2 nodes \(r1, r2\)", id="two_readers"),
        pytest.param("r1 = Relu(c)\nn = NoOp(^c)", r"Conv2D feeds 2 nodes \(n, r1\)", id="read_by_control"),
        pytest.param("s = AddV2(c, skip)\nq = QuantizeV2(s, qlo, qhi)", "no INT8 kernel", id="no_kernel"),
        pytest.param("b = BiasAdd(c, skip)\nq = QuantizeV2(b, qlo, qhi)", "bias of BiasAdd is the", id="no_const"),
        pytest.param(
            "b = BiasAdd(c, bias)\ns = AddV2(b, b)\nq = QuantizeV2(s, qlo, qhi)", "reads b, b", id="to_itself"
        ),
        pytest.param("b = BiasAdd(bias, c)\nq = QuantizeV2(b, qlo, qhi)", "in another place", id="wrong_order"),
        pytest.param("b = BiasAdd(c)\nq = QuantizeV2(b, qlo, qhi)", "has 1 inputs, wanted 2", id="too_few"),
        pytest.param("q = QuantizeV2(c:1, qlo, qhi)", "reads c:1", id="another_output"),
        pytest.param("", "nothing reads Conv2D", id="graph_ends"),
    ],
)
def test_says_why_it_left_the_conv_alone(tail: str, why: str) -> None:
    outcome = fused(tail)
    name, miss = outcome.reason("c")
    assert name == "fuse_conv"
    with pytest.raises(Miss, match=why):
        raise miss
    assert to_text(outcome.graph) == to_text(parse_graph(HEAD + tail))


def test_a_graph_output_inside_the_chain_stays() -> None:
    outcome = fused("b = BiasAdd(c, bias)\nq = QuantizeV2(b, qlo, qhi)", outputs=("b",))
    assert "BiasAdd is a graph output" in str(outcome.reason("c")[1])


def test_of_two_convs_that_meet_the_first_takes_the_sum_and_the_other_is_told() -> None:
    outcome = fused("""
        b = BiasAdd(c, bias)
        d2 = Dequantize(x8, lo, hi)
        c2 = Conv2D(d2, w)
        s = Add(c2, b)
        r = Relu(s)
        q = QuantizeV2(r, qlo, qhi)
    """)
    assert outcome.graph.nodes["q"].inputs == ("x8", "w", "bias", "c2")
    assert "found QuantizedConv2D 'q', made by fuse_conv at 'c'" in str(outcome.reason("c2")[1])


def test_a_miss_at_another_rules_result_keeps_its_kind_and_its_way_out() -> None:
    @rule(op("Relu", Value("x"), name="relu"), anchor="relu")
    def renamed(match: Match) -> Edit:
        return Edit(frozenset({match.root.name}), (replace(match.root, name="made", op="Elu"),), {"r": "made"})

    @rule(op("Tanh", Value("x"), name="tanh"), anchor="tanh")
    def declined(match: Match) -> Edit:
        raise Miss("it reads an Elu", at=match["tanh"].inputs[0], kind="no kernel", way_out="use a Relu")

    outcome = apply_rules(parse_graph("x = Placeholder()\nr = Relu(x)\nt = Tanh(r)"), [renamed, declined])
    miss = outcome.reason("t")[1]

    assert miss.reason == "it reads an Elu, made by renamed at 'r'"
    assert (miss.kind, miss.way_out) == ("no kernel", "use a Relu")


def test_of_several_misses_the_farthest_is_told() -> None:
    @rule(op("Conv2D", Value("x"), Const("filter"), name="conv"), anchor="conv")
    def near(m: Match) -> Edit:
        raise Miss("no", at=m.anchor.name)

    outcome = fused("b = BiasAdd(c, bias)\np = Softmax(b)", near, fuse_conv)
    assert [name for name, _ in outcome.missed["c"]] == ["near", "fuse_conv"]
    assert outcome.reason("c")[0] == "fuse_conv"


@rule(op("Neg", op("Neg", Value("x"), name="inner"), name="outer"), anchor="outer")
def double_negation(m: Match) -> Edit:
    return Edit(drop=frozenset({m.root.name}), rename={m.root.name: m.tensors["x"]})


def test_a_long_chain_is_rewritten_in_time_that_grows_with_its_length() -> None:
    count = 50_000
    nodes = [Node(f"n{i}", "Neg", (f"n{i - 1}",)) for i in range(1, count + 1)]
    graph = Graph({}).with_nodes([Node("n0", "Placeholder"), *nodes, Node("y", "Exp", (f"n{count}",))])
    assert to_text(apply_rules(graph, [double_negation]).graph) == "n0 = Placeholder()\ny = Exp(n0)"


def test_a_rule_is_tried_again_at_what_it_added() -> None:
    @rule(op("Mul", Value("x"), Const("c"), name="mul", any_order=True), anchor="mul")
    def peel(m: Match) -> Edit:
        other = "c" if "c2" in m.graph.nodes else "x"
        return Edit(drop=frozenset({"m"}), add=(Node("m", "Mul", ("x", other)),))

    graph = parse_graph("x = Placeholder()\nc = Const()\nc2 = Const()\nm = Mul(c2, x)")
    assert apply_rules(graph, [peel]).applied == {"m": ["peel", "peel"]}


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        pytest.param(Edit(frozenset({"a"})), "Exp 'b' would read 'a', which no node makes", id="reader_left"),
        pytest.param(Edit(frozenset({"b"})), "drops graph inputs or outputs: b", id="output_dropped"),
        pytest.param(Edit(frozenset(), (Node("x", "Neg"),)), "names are taken: x", id="name_taken"),
        pytest.param(Edit(frozenset(), (Node("n", "A"), Node("n", "B"))), "two nodes of one name", id="twice"),
        pytest.param(Edit(frozenset(), (Node("n", "Neg", ("z",)),)), "would read 'z'", id="dangling"),
    ],
)
def test_an_edit_that_would_break_the_graph_is_refused(edit: Edit, why: str) -> None:
    @rule(op("Neg", Value("x"), name="neg"), anchor="neg")
    def broken(_: Match) -> Edit:
        return edit

    graph = parse_graph("x = Placeholder()\na = Neg(x)\nb = Exp(a)", inputs=["x"], outputs=["b"])
    with pytest.raises(GraphError, match=why):
        apply_rules(graph, [broken])


def test_an_added_node_may_read_what_is_renamed_for_the_others() -> None:
    @rule(op("Exp", Value("x"), name="exp"), anchor="exp")
    def log(m: Match) -> Edit:
        name = m.anchor.name
        if f"{name}_log" in m.graph.nodes:
            raise Miss("logged already", at=name)
        return Edit(frozenset({name}), (m.anchor, Node(f"{name}_log", "Print", (name,))), {name: f"{name}_log"})

    graph = apply_rules(parse_graph("x = Placeholder()\ne = Exp(x)\ny = Neg(e, ^e)"), [log]).graph
    assert to_text(graph) == "x = Placeholder()\ne = Exp(x)\ne_log = Print(e)\ny = Neg(e_log, ^e_log)"
