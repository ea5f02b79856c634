import pytest

from octavo.documents.summary import Candidate, Summary
from octavo.errors import GraphError
from octavo.graph.text import parse_graph
from octavo.summarize_graph.subject import Subject
from octavo.summarize_graph.summarize import summarize
from octavo.summarize_graph.text import text

NET = """
    x = Placeholder() dtype=float32 shape=<?,4>
    w = VariableV2() dtype=float32 shape=<4,3>
    logits = MatMul(x, w)
"""
SAVER = """
    file/input = Const() value={tensor { dtype: DT_STRING tensor_shape {} string_val: "model" }}
    file = PlaceholderWithDefault(file/input) dtype=string shape=<>
    save/Const = PlaceholderWithDefault(file) dtype=string shape=<>
    save/names = Const() value={tensor { dtype: DT_STRING tensor_shape { dim { size: 1 } } string_val: "w" }}
    save/SaveV2 = SaveV2(save/Const, save/names, save/names, w)
    save/control = Identity(save/Const, ^save/SaveV2)
    save/RestoreV2 = RestoreV2(save/Const, save/names, save/names)
    save/Assign = Assign(w, save/RestoreV2)
    save/restore_all = NoOp(^save/Assign)
    init = NoOp(^save/Assign)
"""
LABELS = "labels = Placeholder() dtype=int64 shape=<?>\n"
TRAINING = (
    LABELS
    + """
    loss = SparseSoftmaxCrossEntropyWithLogits(logits, labels)
    mean = Mean(loss, w)
    gradients/ones = OnesLike(logits)
    gradients/MatMul_grad = MatMul(x, gradients/ones)
    step = ApplyGradientDescent(w, mean, gradients/MatMul_grad)
    train = NoOp(^step)
"""
)


def summary_of(text: str, **names: list[str]) -> Summary:
    return summarize(Subject("g.pb", "frozen_graph", parse_graph(text)), **names)


def likely_ends_of(text: str) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    summary = summary_of(text)
    return summary.input_names, tuple(end.name for end in summary.outputs if end.likely)


def reason_of(summary: Summary, name: str) -> str:
    candidates: list[Candidate] = [*summary.inputs, *summary.outputs]
    return next(end.reason for end in candidates if end.name == name and not end.likely)


@pytest.mark.parametrize(
    ("graph", "outputs"),
    [
        pytest.param(NET + "p = Softmax(logits)", ("p",), id="plain"),
        pytest.param(NET + "p = Softmax(logits)" + SAVER, ("p",), id="with_a_saver"),
        pytest.param(NET + "p = Softmax(logits)" + SAVER + TRAINING, ("p",), id="with_training"),
        pytest.param(NET + SAVER + TRAINING, ("logits",), id="only_training_reads_the_logits"),
        pytest.param(NET + "p = Softmax(logits)\nc = ArgMax(logits, w)", ("p",), id="softmax_before_argmax"),
        pytest.param(NET + "c = ArgMax(logits, w)", ("c",), id="argmax_alone"),
        pytest.param(NET + "p = Softmax(logits)\nq = Reshape(p, w)\na = Relu(logits)", ("q",), id="behind_a_reshape"),
        pytest.param(NET + "p = Softmax(logits)\nAuxLogits/p = Softmax(logits)", ("p",), id="auxiliary_head"),
        pytest.param(NET + "p = Softmax(logits)\ns = Shape(x)", ("p",), id="without_weights"),
        pytest.param(NET + "p = Softmax(logits)\nt = ScalarSummary(x, p)\nm = MergeSummary(t)", ("p",), id="summaries"),
        pytest.param(
            NET + LABELS + "p = Softmax(logits)\nc = ArgMax(p, w)\nhit = Equal(c, labels)\nrate = Mean(hit, w)",
            ("c",),
            id="accuracy_is_no_output",
        ),
        pytest.param(NET + "p = Softmax(logits)\nok = Assert(p, p)", ("p",), id="asserted"),
        pytest.param(NET + "p = Softmax(logits)\nunused = Const() value=float32<2,2>[0]", ("p",), id="unread_const"),
    ],
)
def test_finds_the_likely_output_among_what_else_a_graph_holds(graph: str, outputs: tuple[str, ...]) -> None:
    assert likely_ends_of(graph) == (("x",), outputs)


LOOP = """
    zero = Const() value=float32<>[0]
    e = Enter(logits) frame_name="f"
    i = Enter(zero) frame_name="f"
    m = Merge(e, n)
    j = Merge(i, k)
    c = LoopCond(j)
    s = Switch(m, c)
    t = Switch(j, c)
    n = NextIteration(s:1)
    k = NextIteration(t:1)
    logged = Print(s:1, s:1)
    state = Exit(s)
    count = Exit(t)
"""


@pytest.mark.parametrize(
    ("heads", "taken"),
    [
        pytest.param("p = Softmax(logits)\nboxes = Tanh(logits)", ("p", "boxes"), id="classes_and_boxes"),
        pytest.param("a = Softmax(logits)\nb = Sigmoid(logits)\nc = Relu(logits)", ("a", "b", "c"), id="three_heads"),
        pytest.param("p = Softmax(logits)\nc = ArgMax(logits, w)", ("p", "c"), id="probabilities_and_class"),
        pytest.param("p = Softmax(logits)\nAuxLogits/p = Softmax(logits)", ("p",), id="auxiliary_head"),
        pytest.param("p = Softmax(logits)\ns = Shape(x)", ("p",), id="without_weights"),
        pytest.param("p = Softmax(logits)\ns = Shape(logits)\nr = Identity(s)", ("p",), id="a_shape"),
        pytest.param("p = Softmax(logits)\nm = Mean(logits, w)\nt = ScalarSummary(w, m)", ("p",), id="shown_number"),
        pytest.param("p = Softmax(logits)\nm = Slice(logits, w)\nt = ImageSummary(w, m)", ("p",), id="shown_picture"),
        pytest.param("p = Softmax(logits)\nq = Exp(logits)\nt = HistogramSummary(w, q)", ("p", "q"), id="histogram"),
        pytest.param("p = Softmax(logits)\nl = Less(p, w)\nok = All(l, w)\na = Assert(ok, p)", ("p",), id="demanded"),
        pytest.param("ok = All(logits, w)\na = Assert(ok, w)\ny = Cast(ok)", ("y",), id="condition_that_others_read"),
        pytest.param("p = Softmax(logits)\nq = Exp(logits)\na = Assert(w, p)", ("p", "q"), id="data_of_an_assert"),
        pytest.param("p = Softmax(logits)\nt = Print(logits, logits)", ("p",), id="print"),
        pytest.param("t = Print(logits, logits)", ("t",), id="print_at_the_end"),
        pytest.param("p = Softmax(logits)\nt = CheckNumerics(logits)\nn = NoOp(^t)", ("p",), id="check"),
        pytest.param("p = Softmax(logits)\nt = Exp(logits)\nq = Relu(p, ^t)", ("q",), id="only_waited_for"),
        pytest.param("p = Softmax(logits)\nt = TopKV2(p, w) T=float32 k=2", ("t", "t:1"), id="outputs_of_one_node"),
        pytest.param("y = FusedBatchNormV3(logits, w, w, w, w)", ("y",), id="batch_norm"),
        pytest.param(LOOP + "p = Softmax(state)", ("p",), id="loop"),
        pytest.param(LOOP, ("state",), id="loop_at_the_end"),
        pytest.param("p = Softmax(logits)\nboxes = Tanh(logits)" + SAVER + TRAINING, ("p", "boxes"), id="training"),
    ],
)
def test_takes_every_head_and_nothing_else(heads: str, taken: tuple[str, ...]) -> None:
    assert summary_of(NET + heads).output_names == taken


def test_says_what_is_taken_and_what_is_left_out() -> None:
    extra = (
        "p = Softmax(logits)\nboxes = Tanh(logits)\nAux/p = Softmax(logits)\ns = Shape(x)\nr = Shape(x)\nt = Shape(x)"
    )
    (note,) = summary_of(NET + extra + "\nu = Shape(x)").notes
    assert note == (
        "outputs taken: 'p', 'boxes'; left out: 'Aux/p' (looks like an auxiliary head), "
        "'s', 'r', 't' and 1 more (no weights reach it); "
        "name those wanted with --outputs (in the pipeline output_names)"
    )


@pytest.mark.parametrize("names", [[], ["p"]], ids=["the_only_one", "named"])
def test_says_nothing_where_nothing_was_chosen(names: list[str]) -> None:
    more = "\nboxes = Tanh(logits)" if names else ""
    assert summary_of(NET + "p = Softmax(logits)" + more, output_names=names).notes == ()


def test_says_why_the_others_are_no_outputs() -> None:
    others = "e = Exp(logits)\ns = Shape(x)\nh = HistogramSummary(x, p)"
    summary = summary_of(NET + "p = Softmax(logits)\n" + others + SAVER + TRAINING)
    assert reason_of(summary, "e") == "nothing reads it, and data from the inputs end here in a Exp"
    assert reason_of(summary, "s") == "no weights reach it"
    assert reason_of(summary, "save/control") == "no data from an input reach it"
    assert reason_of(summary, "h") == "logs or asserts"
    assert reason_of(summary, "save/Const") == "a scalar, so a setting and no data"
    assert reason_of(summary, "labels") == "labels: only a loss or an accuracy reads it"


@pytest.mark.parametrize(
    ("extra", "inputs"),
    [
        pytest.param("", ("x",), id="one"),
        pytest.param("k = Placeholder() dtype=float32 shape=<>\nq = Mul(y, k)", ("x",), id="scalar_setting"),
        pytest.param("k = Placeholder() dtype=bool shape=<...>\nq = Mul(y, k)", ("x",), id="boolean_setting"),
        pytest.param("k = Placeholder() dtype=float32 shape=<?,3>\nq = Mul(y, k)", ("x", "k"), id="two_inputs"),
        pytest.param("k = Placeholder() dtype=float32 shape=<?,3>\nq = Mul(k, k)", ("x",), id="reaches_no_output"),
        pytest.param(
            "it = IteratorV2()\nk = IteratorGetNext(it) output_types=[int32, float32]\nq = Mul(y, k:1)",
            ("x", "k:1"),
            id="second_component_of_an_iterator",
        ),
    ],
)
def test_finds_the_inputs_that_reach_the_output(extra: str, inputs: tuple[str, ...]) -> None:
    assert summary_of(f"{NET}\ny = Softmax(logits)\n{extra}").input_names == inputs


def test_the_json_document_says_what_is_taken_and_what_is_not_settled() -> None:
    document = summary_of(NET + "boxes = Tanh(logits)\nscores = Relu(logits)\ns = Shape(x)").model_dump(mode="json")
    assert document["input_names"] == ["x"]
    assert document["output_names"] == ["boxes", "scores"]
    assert {end["name"]: end["taken"] for end in document["outputs"]} == {"boxes": True, "scores": True, "s": False}
    assert "left out: 's' (no weights reach it)" in document["notes"][0]
    assert document["unsettled"] == []
    document = summary_of("k = Placeholder() dtype=float32 shape=<>\nn = NoOp()").model_dump(mode="json")
    assert document["output_names"] is None
    assert "no output of 'g.pb' was found" in document["unsettled"][1]


def test_a_graph_without_inputs_or_outputs_is_an_error_with_the_candidates() -> None:
    summary = summary_of("k = Placeholder() dtype=float32 shape=<>\nn = NoOp()")
    no_input = r"no input of 'g\.pb' was found .*'k': a scalar, so a setting and no data"
    with pytest.raises(GraphError, match=rf"{no_input}.*; no output of 'g\.pb' was found; name it"):
        summary.ends()


def test_names_that_are_given_win_and_keep_their_order() -> None:
    summary = summary_of(NET + "a = Tanh(logits)\nb = Relu(logits)", input_names=["logits"], output_names=["b", "a:0"])
    assert summary.input_names == ("logits",)
    assert summary.output_names == ("b", "a")
    assert reason_of(summary, "x") == "another is given"
    assert "possible inputs: (name=x," in text(summary)
    assert "logits" not in text(summary).splitlines()[0]


def test_a_name_that_is_not_in_the_graph_is_an_error_with_near_names() -> None:
    with pytest.raises(GraphError, match=r"'logit'.*near names: logits"):
        summary_of(NET, output_names=["logit"])


def test_a_training_graph_of_many_nodes_takes_linear_time() -> None:
    steps = "\n".join(f"gradients/n{i} = Neg({f'gradients/n{i - 1}' if i else 'logits'})" for i in range(4000))
    assert likely_ends_of(NET + steps) == (("x",), ("logits",))
