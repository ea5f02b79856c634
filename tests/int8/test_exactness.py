"""The emitted kernels against exact integer arithmetic: random shapes, strides, paddings, signs and ranges."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from octavo.graph import Graph, Node, const_node
from octavo.graph.attrs import DType, TensorShape
from octavo.int8.ops import Codes, Fusion, Window, fused_quantized_conv, public_quantized_conv
from octavo.runtime.session import GraphSession


@dataclass(frozen=True)
class Case:
    """A convolution in integers; `pads` are those of height and width, before and after."""

    signed: bool
    depthwise: bool
    relu: bool
    summed: bool
    size: int
    channels: int
    filters: int
    kernel: int
    stride: int
    dilation: int
    pads: tuple[int, int, int, int]
    magnitude: float
    zero_channels: bool
    seed: int


CASES = st.builds(
    Case,
    signed=st.booleans(),
    depthwise=st.booleans(),
    relu=st.booleans(),
    summed=st.booleans(),
    size=st.integers(5, 12),
    channels=st.sampled_from([1, 3, 4, 8, 17, 32]),
    filters=st.sampled_from([1, 4, 16, 33]),
    kernel=st.sampled_from([1, 3, 5]),
    stride=st.sampled_from([1, 2]),
    dilation=st.sampled_from([1, 1, 2]),
    pads=st.tuples(*[st.integers(0, 2)] * 4),
    magnitude=st.sampled_from([1e-4, 1.0, 1e4]),
    zero_channels=st.booleans(),
    seed=st.integers(0, 2**16),
).filter(lambda c: c.size > c.dilation * (c.kernel - 1) and (c.dilation == 1 or c.stride == 1))


def integers(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Random codes of the data and of the filter, the filter as HWIO also where it is depthwise."""
    rng = np.random.default_rng(case.seed)
    low, high = (-127, 128) if case.signed else (0, 256)
    data = rng.integers(low, high, (2, case.size, case.size, case.channels))
    filters = case.channels if case.depthwise else case.filters
    codes = rng.integers(-127, 128, (case.kernel, case.kernel, 1 if case.depthwise else case.channels, filters))
    if case.zero_channels:
        codes[..., ::3] = 0
    return data, codes


def accumulated(case: Case, data: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """The exact sums of products, int64 [n, h, w, filters]."""
    top, bottom, left, right = case.pads
    padded = np.pad(data, ((0, 0), (top, bottom), (left, right), (0, 0)))
    reach = case.dilation * (case.kernel - 1)
    rows, columns = ((n - reach - 1) // case.stride + 1 for n in padded.shape[1:3])
    total = np.zeros((len(data), rows, columns, codes.shape[3]), np.int64)
    for i in range(case.kernel):
        for j in range(case.kernel):
            y, x = i * case.dilation, j * case.dilation
            seen = padded[:, y : y + case.stride * (rows - 1) + 1 : case.stride]
            seen = seen[:, :, x : x + case.stride * (columns - 1) + 1 : case.stride]
            total += seen * codes[i, j, 0] if case.depthwise else seen @ codes[i, j]
    return total


def scalar(name: str, value: float | np.float32) -> Node:
    return const_node(name, np.float32(value))


def fed(name: str, dtype: str, shape: tuple[int | None, ...]) -> list[Node]:
    """Codes fed as plain integers: a Placeholder and a Bitcast."""
    plain = {"quint8": "uint8", "qint8": "int8"}[dtype]
    placeholder = {"dtype": DType(plain), "shape": TensorShape(tuple(shape))}
    casts = {"T": DType(plain), "type": DType(dtype)}
    return [Node(f"{name}_in", "Placeholder", (), placeholder), Node(name, "Bitcast", (f"{name}_in",), casts)]


@pytest.mark.int8
@settings(max_examples=60)
@given(CASES)
def test_a_conv_is_within_one_code_of_exact_arithmetic(case: Case) -> None:
    check(case, public=False)


@pytest.mark.int8
@settings(max_examples=40)
@given(CASES.filter(lambda c: not (c.signed and (c.depthwise or c.summed)) and (c.relu or not c.depthwise)))
def test_a_public_conv_is_within_one_code_of_exact_arithmetic(case: Case) -> None:
    check(case, public=True)


def check(case: Case, *, public: bool) -> None:
    rng = np.random.default_rng(case.seed + 1)
    summed = case.summed and case.relu and not case.depthwise
    data, codes = integers(case)
    total = accumulated(case, data, codes)
    data_high = np.float32(case.magnitude * 3)
    channel_high = (case.magnitude * rng.uniform(0.1, 2, (codes.shape[3],))).astype(np.float32)
    value = total * (float(data_high) / (127 if case.signed else 255)) * (channel_high.astype(float) / 127)
    bias = np.float32(value.std()) * rng.normal(size=(codes.shape[3],)).astype(np.float32)
    summand = rng.integers(0, 256, value.shape)
    summand[:, 0] = 0  # the row that padding makes
    summand_high = np.float32(max(value.std(), 1e-6))
    value = value + bias.astype(float) + (summand * float(summand_high) / 255 if summed else 0)
    high = np.float32(max(np.abs(value).max() * rng.uniform(0.6, 1.2), 1e-6))
    dtype, top = ("quint8", 255) if case.relu else ("qint8", 127)
    wanted = np.clip(
        np.rint(value * (top / float(high))), 0 if case.relu else -128, top
    )  # a signed output saturates at -128
    found = run(
        case, data, codes, data_high, channel_high, bias, summand if summed else None, summand_high, high, public
    )
    off = found - wanted
    assert np.abs(off).max() <= 1, f"{dtype}: {np.abs(off).max()} codes off"
    assert np.mean(off != 0) <= 0.02  # ties and single-precision sums only


def run(
    case: Case,
    data: np.ndarray,
    codes: np.ndarray,
    data_high: np.float32,
    channel_high: np.ndarray,
    bias: np.ndarray,
    summand: np.ndarray | None,
    summand_high: np.float32,
    high: np.float32,
    public: bool,
) -> np.ndarray:
    """The output codes of the kernel."""
    kind, out = ("qint8" if case.signed else "quint8"), ("quint8" if case.relu else "qint8")
    filters = codes.transpose(0, 1, 3, 2) if case.depthwise else codes
    nodes = [
        *fed("x", kind, (None, *data.shape[1:])),
        scalar("x_low", -data_high if case.signed else 0),
        scalar("x_high", data_high),
        const_node("w", filters.astype(np.int8), "qint8"),
        const_node("w_low", -channel_high),
        const_node("w_high", channel_high),
        const_node("b", bias),
        scalar("low", 0 if case.relu else -high),
        scalar("high", high),
    ]
    feeds = {"x_in": data.astype(np.int8 if case.signed else np.uint8)}
    added = None
    if summand is not None:
        shape = (None, summand.shape[1] - 1, *summand.shape[2:])
        padded = {"T": DType("quint8"), "Tpaddings": DType("int32")}
        nodes += [
            *fed("s_fed", "quint8", shape),
            const_node("row", np.array([[0, 0], [1, 0], [0, 0], [0, 0]], np.int32)),
            Node("s", "Pad", ("s_fed", "row"), padded),  # the summand in a buffer of its own
            scalar("s_low", 0),
            scalar("s_high", summand_high),
        ]
        feeds["s_fed_in"] = summand[:, 1:].astype(np.uint8)
        added = Codes("s", "s_low", "s_high", "quint8")
    pads = (0, 0, *case.pads, 0, 0)
    window = Window((1, case.stride, case.stride, 1), "VALID", (1, case.dilation, case.dilation, 1), pads)
    build = public_quantized_conv if public else fused_quantized_conv
    nodes.append(
        build(
            "kernel",
            Codes("x", "x_low", "x_high", kind),
            Codes("w", "w_low", "w_high", "qint8"),
            window,
            Fusion("b", added, case.relu, "low", "high", out),
            depthwise=case.depthwise,
            controls=(),
        )
    )
    plain = "uint8" if case.relu else "int8"
    nodes.append(Node("codes", "Bitcast", ("kernel",), {"T": DType(out), "type": DType(plain)}))
    with GraphSession(Graph({}).with_nodes(nodes), ("codes",)) as session:
        return session.run(feeds)[0].astype(np.int64)
