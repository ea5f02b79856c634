"""A log of octavo's that is not whole is refused, wherever it is cut; logs of other programs are taken as they are."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import example
from octavo.errors import CalibrationError
from octavo.graph import Graph
from octavo.merge_min_max_logs.merge import merge_logs
from octavo.ranges.exact_sum import ExactSum
from octavo.ranges.histogram import Histogram
from octavo.ranges.log_records import counted, format_batches, format_count, format_examples, format_record
from octavo.ranges.min_max_log import Examples, MinMaxLog, Ranges, read_log_file, write_log_file
from octavo.transform_graph.transforms.freeze_bias_corrections import freeze_bias_corrections
from octavo.transform_graph.transforms.freeze_max import freeze_max
from octavo.transform_graph.transforms.freeze_min import freeze_min
from octavo.transform_graph.transforms.freeze_requantization_ranges import freeze_requantization_ranges

FLOATS = st.floats(-1000, 1000, width=32)
NODES = st.sampled_from(["a", "b/c", "calibration"])
VECTORS = st.lists(FLOATS, min_size=1, max_size=3).map(lambda values: np.array(values, np.float32))


def ranges_of(pairs: list[tuple[float, float]]) -> Ranges:
    return Ranges.of([(min(pair), max(pair)) for pair in pairs])


LOGS = st.builds(
    MinMaxLog,
    ranges=st.dictionaries(
        NODES, st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=4).map(ranges_of), min_size=1
    ),
    corrections=st.dictionaries(NODES, VECTORS.map(ExactSum.of)),
    histograms=st.dictionaries(NODES, VECTORS.map(Histogram.of)),
    singles=st.dictionaries(
        st.sampled_from(["__max:", "__min:"]), st.dictionaries(NODES, st.lists(FLOATS, min_size=1), min_size=1)
    ),
    examples=st.sampled_from([(), (Examples(0, 9),), (Examples(0, 4), Examples(4, 8, missing=True))]),
)


def read(content: bytes) -> list[str] | None:
    """The lines of what a file of this content says; None where it is refused."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "log")
        path.write_bytes(content)
        try:
            return list(read_log_file(path).lines())
        except CalibrationError:
            return None


def written(log: MinMaxLog) -> bytes:
    return "".join(log.lines()).encode()


@given(LOGS, st.data())
def test_a_log_that_is_cut_at_any_byte_is_refused_or_reads_as_the_whole_one(
    log: MinMaxLog, data: st.DataObject
) -> None:
    content = written(log)
    whole = read(content)
    assert whole is not None
    assert "".join(whole).encode() == content
    cut = data.draw(st.integers(0, len(content) - 1))
    assert read(content[:cut]) == (whole if cut == len(content) - 1 else None)


RANGES = tuple(format_batches(["a", "b"], np.zeros((5, 2)), np.arange(10.0).reshape(5, 2), range(5)))
SHARD = "".join(counted([format_examples(0, 5) + "\n", *RANGES]))
"""The log of a shard, in the order in which it is measured."""

WORDS = "I0108 logging_ops.cc:79] "
CAPTURED = "".join(f"{WORDS}{format_record(node, -n, n)}\n" for n in range(3) for node in ("a", "b"))
"""What a program printed that octavo knows nothing of."""


def test_a_shards_log_is_refused_at_every_cut() -> None:
    content = SHARD.encode()
    assert [cut for cut in range(len(content)) if read(content[:cut]) is not None] == [len(content) - 1]


@pytest.mark.parametrize("line", range(SHARD.count("\n")))
def test_a_log_that_lacks_a_line_or_has_one_twice_is_refused(line: int) -> None:
    lines = SHARD.splitlines(keepends=True)
    assert read("".join(lines[:line] + lines[line + 1 :]).encode()) is None
    assert read("".join(lines[: line + 1] + lines[line:]).encode()) is None


@given(st.integers(0, len(SHARD) - 2), st.integers(1, 400), st.sampled_from([b"\0", b"\n", b"x"]))
def test_a_cut_log_is_refused_whatever_has_been_put_behind(cut: int, length: int, filling: bytes) -> None:
    assert read(SHARD[:cut].encode() + filling * length) is None


def test_logs_that_are_put_one_behind_the_other_are_read_as_one() -> None:
    other = "".join(counted([format_examples(5, 7) + "\n", *(f"{format_record(n, -1, 1)}\n" for n in ("a", "b"))]))
    both = read((SHARD + other).encode())
    assert both is not None
    assert both == read((other + SHARD).encode()) == read((SHARD.removesuffix("\n") + other).encode())
    assert len(both) == 2 + 1 + len(RANGES) + 2


@pytest.mark.parametrize("mine", [(SHARD, CAPTURED), (CAPTURED, SHARD), (CAPTURED, SHARD, CAPTURED)])
def test_what_a_program_printed_may_stand_before_and_behind(mine: tuple[str, ...]) -> None:
    found = read("".join(mine).encode())
    assert found is not None
    assert len(found) == 3 + len(RANGES) + sum(each.count("\n") for each in mine if each is CAPTURED)


@given(st.integers(1, len(SHARD) - 2))
def test_a_cut_log_is_refused_among_whole_ones(cut: int) -> None:
    other = "".join(counted([format_examples(5, 7) + "\n", *RANGES]))
    begun = SHARD[:cut].startswith(format_count(0))
    for content in (SHARD[:cut] + other, other + SHARD[:cut], SHARD[:cut] + CAPTURED):
        assert (read(content.encode()) is None) == begun


def test_a_captured_log_is_taken_at_every_cut_between_its_lines() -> None:
    lines = CAPTURED.splitlines(keepends=True)
    for count in range(1, len(lines) + 1):
        found = read("".join(lines[:count]).encode())
        assert found is not None
        assert len(found) == count + 2


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(
            SHARD[:200], r"is cut off: it begins, holds 3 records, and no line says .*, in '.*log'$", id="end"
        ),
        pytest.param(
            SHARD.split("\n", 1)[1],
            r"is of the examples 0 to 4, but no line in front of that says that it begins.*, in '.*log'$",
            id="first line",
        ),
        pytest.param(
            "".join(SHARD.splitlines(keepends=True)[2:]), "is cut off: it ends after 11 records", id="first lines"
        ),
        pytest.param(SHARD.replace(RANGES[3], ""), "it holds 10 records, and its last line says 11", id="middle"),
        pytest.param(
            SHARD.replace(RANGES[3], RANGES[3][:30] + "\n"), "it holds 10 records, and its .* 11", id="within a line"
        ),
    ],
)
def test_what_is_wrong_with_a_log_is_said(content: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "log").write_text(content)
    with pytest.raises(CalibrationError, match=why):
        read_log_file(tmp_path / "log")


GRAPH = """
    x = Placeholder()
    axes = Const() value=int32<1>[0]
    m = Max(x, axes) Tidx=int32
    n = Min(x, axes) Tidx=int32
    q = QuantizeV2(x, n, m) T=qint32
    a = RequantizationRange(q, q:1, q:2) Tinput=qint32
    y = Sub(a:1, a)
"""

Freeze = Callable[..., Graph]
FREEZING = [freeze_requantization_ranges, freeze_bias_corrections, freeze_max, freeze_min]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with a record of each kind."""
    merged = MinMaxLog(
        {"a": Ranges.of([(-n, n) for n in range(9)])},
        corrections={"eightbit_bias_correction/c": ExactSum.of(np.ones(3, np.float32))},
        singles={"__max:": {"m": [1, 2]}, "__min:": {"n": [-1]}},
        examples=(Examples(0, 9),),
    )
    write_log_file(merged, tmp_path / "log")
    return tmp_path / "log"


@pytest.mark.parametrize("freeze", FREEZING, ids=lambda freeze: freeze.__name__)
def test_no_transform_freezes_what_a_cut_log_says(freeze: Freeze, log: Path) -> None:
    graph = example(GRAPH, outputs=("y", "m", "n") if freeze is freeze_requantization_ranges else ("y",))
    lines = log.read_bytes().splitlines(keepends=True)
    for count in range(len(lines)):
        log.write_bytes(b"".join(lines[:count]))
        with pytest.raises(CalibrationError, match=r"is cut off|holds no record"):
            freeze(graph, min_max_log_file=str(log))


def test_merging_refuses_a_cut_log_and_writes_nothing(log: Path, tmp_path: Path) -> None:
    (tmp_path / "cut").write_bytes(log.read_bytes()[:-30])
    with pytest.raises(CalibrationError, match=r"cut off: .* holds 14 records, .*, in '.*cut'"):
        merge_logs([log, tmp_path / "cut"], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_a_merged_log_of_captured_ones_is_refused_at_every_line(tmp_path: Path) -> None:
    (tmp_path / "captured").write_text(CAPTURED)
    merge_logs([tmp_path / "captured"], tmp_path / "merged")
    lines = (tmp_path / "merged").read_bytes().splitlines(keepends=True)
    assert [count for count in range(len(lines)) if read(b"".join(lines[:count])) is not None] == []


def test_a_cut_log_is_refused_when_it_is_compressed(log: Path, tmp_path: Path) -> None:
    merge: Callable[[], object] = partial(merge_logs, [tmp_path / "log.gz"], tmp_path / "merged")
    (tmp_path / "log.gz").write_bytes(gzip.compress(log.read_bytes()[:-30]))
    with pytest.raises(CalibrationError, match="is cut off"):
        merge()
    (tmp_path / "log.gz").write_bytes(gzip.compress(log.read_bytes()))
    merge()
    assert (tmp_path / "merged").read_bytes() == log.read_bytes()
