"""What the three parsers must do with any bytes: read them, or say in one sentence of their own what is wrong.

A target takes bytes. Whatever it raises is a fault of the parser, and so is an input that keeps it busy for long.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from octavo.errors import CalibrationError, GraphError, SpecError
from octavo.graph.proto import load_graph, save_graph
from octavo.graph.text import to_text
from octavo.ranges.min_max_log import read_log_file
from octavo.transform_graph.catalog import TRANSFORMS
from octavo.transform_graph.language import parse_calls, parse_steps

Target = Callable[[bytes], None]


def language(data: bytes) -> None:
    """The mini-language of transform lists; what can be read is written and read back."""
    text = data.decode(errors="replace")
    try:
        list(parse_calls(text))
        steps = parse_steps(text, TRANSFORMS)
    except SpecError as fault:
        _check_message(str(fault))
        return
    try:
        written = " ".join(map(str, steps))
    except SpecError:  # a value that no spelling says
        return
    assert parse_steps(written, TRANSFORMS) == steps, written


def graph_file(data: bytes) -> None:
    """GraphDef files, binary and text; what can be read is written and read back."""
    file = _file("graph")
    file.write_bytes(data)
    try:
        graph = load_graph(file)
    except GraphError as fault:
        _check_message(str(fault))
        return
    for as_text in (False, True):
        save_graph(graph, file, as_text=as_text)
        again = load_graph(file)
        assert again.nodes.keys() == graph.nodes.keys()
    if len(data) < 1000:
        _text_of(data)


def min_max_log(data: bytes) -> None:
    """Min/max logs; the records that can be read are written and read back."""
    file = _file("log.txt")
    file.write_bytes(data)
    try:
        log = read_log_file(file)
    except CalibrationError as fault:
        _check_message(str(fault))
    else:
        file.write_text("".join(log.lines()))
        assert list(read_log_file(file).lines()) == list(log.lines())


def _text_of(data: bytes) -> None:
    """The text form of a graph that could be read: it may refuse a damaged attribute, in a sentence."""
    file = _file("graph")
    file.write_bytes(data)
    try:
        to_text(load_graph(file))
    except GraphError as fault:
        _check_message(str(fault))


def _check_message(text: str) -> None:
    assert text.strip()
    assert len(text) < 100_000


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="octavo-fuzz-")


def _file(name: str) -> Path:
    return Path(_folder().name) / name


TARGETS: Mapping[str, Target] = {"language": language, "graph_file": graph_file, "min_max_log": min_max_log}

GRAPH = b"""
node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } }
       attr { key: "shape" value { shape { dim { size: -1 } dim { size: 2 } } } } }
node { name: "w" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } }
       attr { key: "value" value { tensor { dtype: DT_FLOAT tensor_shape { dim { size: 2 } } float_val: 1 } } } }
node { name: "y" op: "Add" input: "x" input: "w:0" input: "^w" device: "/cpu:0" }
library { function { signature { name: "f" } } }
versions { producer: 27 }
"""

SEEDS: Mapping[str, tuple[bytes, ...]] = {
    "language": (
        b"strip_unused_nodes fold_constants(ignore_errors=true)\\\n fold_batch_norms",
        b'insert_logging(op=RequantizationRange, op=Max, show_name=true, message="__requant_min_max:")',
        b'strip_unused_nodes(type=float, shape="1,224,224,3", name="a\\"b")',
        b"foo() bar(a=1, b=2,a=3)\n\\",
        b'freeze_requantization_ranges(min_max_log_file="a.txt", min_percentile=5.5)',
    ),
    "graph_file": (GRAPH, b"\n\x08\n\x01a\x12\x03Foo\n\x0b\n\x01b\x12\x03Foo\x1a\x01a"),
    "min_max_log": (
        b";a__print__;__requant_min_max:[-1.5][3.25]\n[I] ;b/c__print__;__requant_min_max:[0][1e-05]\n",
        b";a__print__;__requant_min_max:[0][1];b__print__;__requant_min_max:[nan][inf]\nnoise;[]\n",
        b";eightbit_bias_correction/c__print__;__bias_correction:[0.5 -1]\n;m__print__;__max:[2]\n",
        (
            b";calibration__print__;__records:[0]\n;calibration__print__;__examples:[0][1]\n"
            b";a__print__;__histogram:[-8][-3][1 0 7]\n;calibration__print__;__records:[2]\n"
        ),
    ),
}

TOKENS: Mapping[str, tuple[bytes, ...]] = {
    "language": (
        b"(",
        b")",
        b"=",
        b",",
        b'"',
        b"\\\n",
        b"fold_constants",
        b"remove_nodes(op=Identity)",
        b"op=",
        b"1e9",
    ),
    "graph_file": (b"node {", b"}", b'name: "x"', b"attr {", b'input: "x:1"', b"\n\x05\n\x01a\x12\x00", b"tensor {"),
    "min_max_log": (
        b"__print__;",
        b"__requant_min_max:",
        b"__bias_correction:",
        b"__records:",
        b"[",
        b"]",
        b";",
        b"nan",
        b"1e999",
    ),
}
