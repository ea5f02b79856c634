"""The verdicts of quantize_graph, read from where it or a later step wrote them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from octavo.errors import DataError
from octavo.storage import MissingObjectError, exists, join, list_objects, read_bytes

Only = Literal["int8", "fp32"]

DECISIONS = "decisions.json"
SUMMARY = "summary.json"


class Verdict(BaseModel):
    """What became of one op that could be INT8.

    Attributes:
        name: the node.
        op: its type in the float graph.
        verdict: "INT8" or "FP32".
        rule: what the kernel took in, e.g. "Conv2D + BiasAdd + Relu"; None for FP32.
        kind: why it stayed FP32, in a word or two; None for INT8.
        reason: why it stayed FP32, in a sentence; None for INT8.
        at: the node or tensor where it stopped.
        stopped: of an INT8 op, why an activation or add behind it was left in float.
        note: what else is worth knowing.
        way_out: what would make it INT8; None where it is, or where nothing known would.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    op: str
    verdict: Literal["INT8", "FP32"]
    rule: str | None = None
    kind: str | None = None
    reason: str | None = None
    at: str | None = None
    stopped: str | None = None
    note: str | None = None
    way_out: str | None = None

    def why(self) -> str:
        """What the kernel took in, or why there is none."""
        if self.verdict == "INT8":
            return self.rule or ""
        return f"{self.kind}: {self.reason}" if self.kind else self.reason or ""

    def remarks(self) -> list[str]:
        """What is worth a line of its own."""
        told = (("left in float", self.stopped), ("to change it", self.way_out), ("note", self.note))
        return [f"{label}: {text}" for label, text in told if text]


class Counts(BaseModel):
    """Nodes by what became of them."""

    model_config = ConfigDict(frozen=True)

    INT8: int = 0
    FP32: int = 0


class Explanation(BaseModel):
    """The verdicts that were asked for, and how many there are of each.

    Attributes:
        nodes: the verdicts, in execution order.
        counts: how many of all nodes are INT8 and how many are not.
        by_op: op type -> the same, the most frequent type first; empty where the INT8 nodes are not listed.
        complete: whether the INT8 nodes are listed; a model's summary.json holds the FP32 ones alone.
    """

    model_config = ConfigDict(frozen=True)

    nodes: tuple[Verdict, ...]
    counts: Counts
    by_op: dict[str, Counts]
    complete: bool

    def document(self) -> dict[str, Any]:
        """The same for JSON."""
        return self.model_dump(mode="json")


class _Decisions(BaseModel):
    nodes: tuple[Verdict, ...]


class _Left(BaseModel):
    name: str
    op: str
    reason: str
    way_out: str | None = None

    def verdict(self) -> Verdict:
        return Verdict(name=self.name, op=self.op, verdict="FP32", reason=self.reason, way_out=self.way_out)


class _Summary(BaseModel):
    quantized: Counts
    fp32_nodes: tuple[_Left, ...]


def explain(source: str, *, only: Only | None = None) -> Explanation:
    """Read the verdicts.

    In a model's folder, nodes that no kernel took in after all, which its summary.json says, count as FP32.

    Args:
        source: the path or URI of what quantize_graph wrote, or of a folder that holds it or a model's summary.json.
        only: the verdicts to list; all where left out. The counts are of all.

    Raises:
        DataError: when there are no verdicts there.
        StorageError: when they cannot be read.
    """
    uri = source if source.endswith(".json") else _document_in(source)
    try:
        content = read_bytes(uri)
    except MissingObjectError as fault:
        raise DataError(f"there is no {uri!r}; wanted what quantize_graph wrote, or a model's folder") from fault
    try:
        found = _of_summary(content) if _is_summary(uri) else _of_decisions(content, _not_lowered(source))
    except ValidationError as fault:
        first = fault.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise DataError(f"{uri!r} holds no verdicts: {where}: {first['msg']}") from fault
    listed = tuple(n for n in found.nodes if only is None or n.verdict == only.upper())
    return found.model_copy(update={"nodes": listed})


def _document_in(folder: str) -> str:
    """The file in a folder that tells most: decisions.json, the only *.decisions.json, or summary.json."""
    if exists(join(folder, DECISIONS)):
        return join(folder, DECISIONS)
    named = [each.uri for each in list_objects(folder) if each.name.endswith(f".{DECISIONS}") and "/" not in each.name]
    if len(named) == 1:
        return named[0]
    if exists(join(folder, SUMMARY)):
        return join(folder, SUMMARY)
    found = f"{len(named)} files named *.{DECISIONS}; name one" if named else f"no {DECISIONS} and no {SUMMARY}"
    raise DataError(f"in {folder!r} there are {found}")


def _is_summary(uri: str) -> bool:
    return uri.rsplit("/", maxsplit=1)[-1] == SUMMARY


def _not_lowered(folder: str) -> dict[str, Verdict]:
    """The FP32 nodes of a model's folder, by name; nothing where the source is no such folder."""
    if folder.endswith(".json"):
        return {}
    try:
        summary = _Summary.model_validate_json(read_bytes(join(folder, SUMMARY)))
    except (MissingObjectError, ValidationError):
        return {}
    return {node.name: node.verdict() for node in summary.fp32_nodes}


def _of_decisions(content: bytes, not_lowered: Mapping[str, Verdict]) -> Explanation:
    decided = _Decisions.model_validate_json(content).nodes
    nodes = tuple(not_lowered.get(n.name, n) if n.verdict == "INT8" else n for n in decided)
    ops = sorted({n.op for n in nodes}, key=lambda op: (-sum(n.op == op for n in nodes), op))
    by_op = {op: _counts([n for n in nodes if n.op == op]) for op in ops}
    return Explanation(nodes=nodes, counts=_counts(nodes), by_op=by_op, complete=True)


def _of_summary(content: bytes) -> Explanation:
    summary = _Summary.model_validate_json(content)
    nodes = tuple(node.verdict() for node in summary.fp32_nodes)
    return Explanation(nodes=nodes, counts=summary.quantized, by_op={}, complete=False)


def _counts(nodes: Sequence[Verdict]) -> Counts:
    int8 = sum(n.verdict == "INT8" for n in nodes)
    return Counts(INT8=int8, FP32=len(nodes) - int8)
