"""The rules are tried in order, each where it says that it is for the op; a new one is one function."""

from dataclasses import replace

import numpy as np
import pytest

from examples import example
from graphs import run
from octavo.graph import Graph, Node
from octavo.graph.miss import Miss
from octavo.int8 import lowering
from octavo.int8.lowering import lower
from octavo.int8.ops import bitcast
from octavo.int8.rules.moving import on_codes
from octavo.int8.rules.rule import Lowered, Rule, reads_codes, rule
from octavo.int8.site import Site

TURNED = """
    x = Placeholder() shape=<2,3>
    low = Const() value=float32<>[0]
    high = Const() value=float32<>[{high}]
    axis = Const() value=int32<1>[1]
    codes = QuantizeV2(x, low, high) T=quint8 mode="SCALED"
    data = Dequantize(codes, codes:1, codes:2) T=quint8 mode="SCALED"
    turned = ReverseV2({data}, axis) Tidx=int32
    turned_codes = QuantizeV2(turned, low, high) T=quint8 mode="SCALED"
    y = Dequantize(turned_codes, turned_codes:1, turned_codes:2) T=quint8 mode="SCALED"
"""


@rule(reads_codes("ReverseV2"))
def reversed_codes(site: Site, name: str, op: Node) -> Lowered:
    data = site.operand(op.data_inputs[0])
    nodes = [
        bitcast(f"{name}_bits", data.codes.tensor, given="quint8", made="uint8"),
        on_codes(op, f"{name}_turned", f"{name}_bits", "uint8"),
        bitcast(name, f"{name}_turned", given="uint8", made="quint8"),
    ]
    return Lowered(nodes, data.span)


@rule(reads_codes("ReverseV2"))
def never(_site: Site, _name: str, op: Node) -> Lowered:
    raise Miss("it never fits", at=op.name)


def turned(*, data: str = "data", high: float = 4) -> Graph:
    return example(TURNED.format(data=data, high=high), inputs=("x",), outputs=("y",))


def with_rules(monkeypatch: pytest.MonkeyPatch, *rules: Rule) -> None:
    monkeypatch.setattr(lowering, "RULES", (*lowering.RULES, *rules))


def test_what_no_rule_is_for_stays_float_and_is_no_miss() -> None:
    lowered = lower(turned())
    assert (lowered.applied, lowered.missed) == ({}, {})


def test_the_first_rule_that_fits_applies(monkeypatch: pytest.MonkeyPatch) -> None:
    with_rules(monkeypatch, never, reversed_codes, never)
    lowered = lower(turned())
    assert (lowered.applied, lowered.missed) == ({"turned_codes": ["reversed_codes"]}, {})
    assert lowered.graph.nodes["turned_codes_turned"].op == "ReverseV2"
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(run(lowered.graph, x)[0], run(turned(), x)[0])


def test_every_rule_that_does_not_fit_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    with_rules(monkeypatch, never, replace(never, name="never_either"))
    (first, miss), (second, _) = lower(turned()).missed["turned_codes"]
    assert (first, second, miss.reason, miss.at) == ("never", "never_either", "it never fits", "turned")


def test_an_op_on_floats_is_where_data_enter(monkeypatch: pytest.MonkeyPatch) -> None:
    with_rules(monkeypatch, reversed_codes, never)
    lowered = lower(turned(data="x"))
    assert (lowered.applied, lowered.missed) == ({}, {})


def test_a_range_that_is_not_frozen_is_told_with_its_way_out() -> None:
    text = TURNED.replace("low = Const() value=float32<>[0]", "low = Placeholder() shape=<>")
    lowered = lower(example(text.format(data="data", high=4), inputs=("x",), outputs=("y",)))
    name, miss = lowered.reason("turned_codes")
    assert (name, miss.reason) == ("frozen_range", "the range of 'turned_codes' is not frozen")
    assert "freeze_requantization_ranges" in (miss.way_out or "")
