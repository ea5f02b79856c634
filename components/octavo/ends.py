"""What the caller feeds and fetches, as the summary of a model settled it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from octavo.errors import GraphError


@dataclass(frozen=True, slots=True)
class Ends:
    """The names of a graph's inputs and outputs.

    Args:
        inputs: the tensors to feed.
        outputs: the tensors to fetch.
        notes: what the summary says of how they were found, for the user.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    notes: tuple[str, ...] = ()


def read_ends(summary: str | Path) -> Ends:
    """The names in a summary that summarize_graph wrote.

    Raises:
        GraphError: when the file is no such summary, or the names are not settled.
    """
    try:
        document = json.loads(Path(summary).read_text())
        unsettled = document["unsettled"]
        inputs, outputs = (tuple(document[key] or ()) for key in ("input_names", "output_names"))
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise GraphError(f"{str(summary)!r} is no summary of a model: {fault!r}; wanted summarize_graph's") from fault
    if unsettled:
        raise GraphError("; ".join(unsettled))
    return Ends(inputs, outputs, tuple(document.get("notes", ())))
