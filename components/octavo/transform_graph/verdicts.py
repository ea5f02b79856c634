"""The verdicts of quantize_graph when its graph is lowered: what was to be INT8 and stays float says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from octavo.documents.decisions import Decision, Decisions, stays_fp32
from octavo.graph import Node
from octavo.graph.miss import Miss
from octavo.graph.rewrite import Misses, Outcome
from octavo.int8.integer_biases import FLOAT_BIAS
from octavo.int8.left_float import LEFT_FLOAT


def settle(decisions: Path, outcome: Outcome, settled: Path | None = None) -> None:
    """Write decisions.json as a transform list leaves it.

    Args:
        decisions: what quantize_graph wrote.
        outcome: what the list did to its graph.
        settled: where the verdicts go; left out, they stay in their file.

    Raises:
        GraphError: when the file cannot be read or is something else.
    """
    after_lowering(Decisions.read(decisions), outcome.missed).write(settled or decisions)


def after_lowering(decisions: Decisions, missed: Misses) -> Decisions:
    """The verdicts, with those changed that the lowering did not keep."""
    nodes = tuple(_settled(each, missed.get(each.name, ())) for each in decisions.nodes)
    return decisions.model_copy(update={"nodes": nodes})


def _settled(decision: Decision, missed: Sequence[tuple[str, Miss]]) -> Decision:
    if decision.verdict == "FP32":
        return decision
    for rule, miss in missed:
        if rule == LEFT_FLOAT:
            return stays_fp32(Node(decision.name, decision.op), miss)
        if rule == FLOAT_BIAS:
            note = f"its bias stays float32: {miss.reason}"
            decision = replace(decision, note="; ".join(filter(None, (decision.note, note))))
    return decision
