"""The verdicts of quantize_graph, read from where it or a later step wrote them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from octavo.documents.decisions import Decision, Decisions
from octavo.documents.result import Counts, Fp32Node, Result
from octavo.errors import DataError
from octavo.reading import first_fault
from octavo.storage import MissingObjectError, exists, join, list_objects, read_bytes

Only = Literal["int8", "fp32"]

DECISIONS = "decisions.json"
SUMMARY = "summary.json"


class Explanation(BaseModel):
    """The verdicts that were asked for, and how many there are of each.

    Attributes:
        nodes: the verdicts, in execution order.
        counts: how many of all nodes are INT8 and how many are not.
        by_op: op type -> the same, the most frequent type first; empty where the INT8 nodes are not listed.
        complete: whether the INT8 nodes are listed; a model's summary.json holds the FP32 ones alone.
    """

    model_config = ConfigDict(frozen=True)

    nodes: tuple[Decision, ...]
    counts: Counts
    by_op: dict[str, Counts]
    complete: bool

    def document(self) -> dict[str, Any]:
        """The same for JSON."""
        return self.model_dump(mode="json")


def remarks(node: Decision) -> list[str]:
    """What is worth a line of its own."""
    told = (("left in float", node.stopped), ("to change it", node.way_out), ("note", node.note))
    return [f"{label}: {text}" for label, text in told if text]


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
        raise DataError(f"{uri!r} holds no verdicts: {first_fault(fault)}") from fault
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


def _not_lowered(folder: str) -> dict[str, Decision]:
    """The FP32 nodes of a model's folder, by name; nothing where the source is no such folder."""
    if folder.endswith(".json"):
        return {}
    try:
        summary = Result.model_validate_json(read_bytes(join(folder, SUMMARY)))
    except (MissingObjectError, ValidationError):
        return {}
    return {node.name: _left(node) for node in summary.fp32_nodes}


def _left(node: Fp32Node) -> Decision:
    return Decision(node.name, node.op, "FP32", reason=node.reason, way_out=node.way_out)


def _of_decisions(content: bytes, not_lowered: Mapping[str, Decision]) -> Explanation:
    decided = Decisions.model_validate_json(content).nodes
    nodes = tuple(not_lowered.get(n.name, n) if n.verdict == "INT8" else n for n in decided)
    ops = sorted({n.op for n in nodes}, key=lambda op: (-sum(n.op == op for n in nodes), op))
    by_op = {op: _counts([n for n in nodes if n.op == op]) for op in ops}
    return Explanation(nodes=nodes, counts=_counts(nodes), by_op=by_op, complete=True)


def _of_summary(content: bytes) -> Explanation:
    summary = Result.model_validate_json(content)
    nodes = tuple(_left(node) for node in summary.fp32_nodes)
    return Explanation(nodes=nodes, counts=summary.quantized, by_op={}, complete=False)


def _counts(nodes: Sequence[Decision]) -> Counts:
    int8 = sum(n.verdict == "INT8" for n in nodes)
    return Counts(INT8=int8, FP32=len(nodes) - int8)
