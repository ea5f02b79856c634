import pytest

from octavo.documents.decisions import Decisions
from octavo.graph.text import parse_graph
from octavo.report.int8_graph import other_float_ops, ranges, still_float
from report_inputs import verdict

PLANNED = Decisions.model_validate(
    {"recipe": {}, "nodes": [verdict("conv1", "Conv2D"), verdict("pool", "MaxPool"), verdict("flat", "Reshape")]}
)


@pytest.mark.parametrize(
    ("line", "left"),
    [
        pytest.param("conv1 = Conv2D() T=float32", {"conv1"}, id="under its own name"),
        pytest.param("conv1_eightbit_quantized_conv = Conv2D() T=float32", {"conv1"}, id="under its INT8 name"),
        pytest.param("pool_eightbit_quantized = MaxPool() T=float32", {"pool"}, id="a pool"),
        pytest.param("conv1_eightbit_requantize = _FusedQuantizedConv2D() Tinput=quint8", set(), id="lowered"),
        pytest.param("conv10 = Conv2D() T=float32", set(), id="another conv"),
        pytest.param("flat_eightbit_requantize = Reshape() T=quint8", set(), id="moved as codes"),
        pytest.param("pool_eightbit_requantize = QuantizedMaxPool() T=quint8", set(), id="a lowered pool"),
    ],
)
def test_what_was_to_be_int8_is_looked_up_in_the_finished_graph(line: str, left: set[str]) -> None:
    assert still_float(parse_graph(line), PLANNED) == left


def test_other_float_ops_are_those_that_compute_and_have_no_verdict() -> None:
    text = """
x = Placeholder() dtype=float32
conv1 = Conv2D(x) T=float32
r = Reshape(conv1) T=float32
m = Mean(r) T=float32
n = Mean(m) T=float32
s = Softmax(n) T=float32
i = AddV2(s) T=int32
q = QuantizeV2(s) T=quint8
"""
    assert list(other_float_ops(parse_graph(text), PLANNED).items()) == [("Mean", 2), ("Softmax", 1)]


def test_ranges_come_from_the_constants_of_kernels_and_quantizers() -> None:
    text = """
x = Placeholder() dtype=float32
low = Const() value=float32<>[-1]
high = Const() value=float32<>[2]
conv1_eightbit_quantize_x = QuantizeV2(x, low, high) T=qint8
conv1_eightbit_requantize_high = Const() value=float32<>[6]
conv1_eightbit_requantize = _FusedQuantizedConv2D(conv1_eightbit_quantize_x) out_type=quint8
conv2_eightbit_requantize_high = Const() value=float32<>[6]
conv2_eightbit_requantize_true_low = Const() value=float32<>[-2.5]
conv2_eightbit_requantize_true_high = Const() value=float32<>[3.5]
conv2_eightbit_requantize = _FusedQuantizedConv2D(conv1_eightbit_requantize) out_type=quint8
"""
    found = [(r.name, r.low, r.high, r.dtype) for r in ranges(parse_graph(text))]
    assert found == [("x", -1.0, 2.0, "qint8"), ("conv1", 0.0, 6.0, "quint8"), ("conv2", -2.5, 3.5, "quint8")]


def test_a_range_that_is_measured_at_run_time_is_left_out() -> None:
    text = """
x = Placeholder() dtype=float32
low = Min(x) T=float32
high = Max(x) T=float32
c_eightbit_requantize = QuantizeV2(x, low, high) T=quint8
"""
    assert ranges(parse_graph(text)) == ()
