"""A graph as the steps of a pipeline hand it on: a folder with the graph and what is known of its model."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from octavo.documents.summary import Ends, Summary

CARRIED = ("summary.json", "model.json", "decisions.json")
"""What travels with a graph, from the step that makes it on."""


@dataclass(frozen=True)
class GraphFolder:
    """The folder of a graph.

    Args:
        path: where it is.
    """

    path: Path

    @property
    def graph(self) -> Path:
        """The graph, a binary GraphDef."""
        return self.path / "graph.pb"

    @property
    def summary(self) -> Path:
        """The model's summary, which names the inputs and outputs."""
        return self.path / "summary.json"

    @property
    def model(self) -> Path:
        """The record of the model that was fetched."""
        return self.path / "model.json"

    @property
    def decisions(self) -> Path:
        """For each node that could be quantized, what became of it; from quantize_graph on."""
        return self.path / "decisions.json"

    def ends(self) -> Ends:
        """The names of the inputs and outputs. Raises GraphError where the summary is none, or does not settle them."""
        return Summary.read(self.summary).ends()

    def digest(self) -> str:
        """What no other graph, inputs and outputs have."""
        ends = self.ends()
        names = "\n".join([self._sha256(), *ends.inputs, "", *ends.outputs])
        return hashlib.sha256(names.encode()).hexdigest()

    def facts(self) -> dict[str, int | str]:
        """What a list of artifacts may show of the graph."""
        from octavo.graph import load_graph

        nodes = len(load_graph(self.graph).nodes)
        return {"bytes": self.graph.stat().st_size, "nodes": nodes, "sha256": self._sha256()}

    def _sha256(self) -> str:
        with self.graph.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def graph_folder(path: str | Path) -> GraphFolder:
    """The folder of a graph that an earlier step made."""
    return GraphFolder(Path(path))


def new_graph_folder(path: str | Path, *, after: GraphFolder | None = None) -> GraphFolder:
    """Make the folder of a graph, with what the graph carries that it is made from."""
    made = GraphFolder(Path(path))
    made.path.mkdir(parents=True, exist_ok=True)
    for name in CARRIED if after is not None else ():
        if after is not None and (after.path / name).exists():
            shutil.copyfile(after.path / name, made.path / name)
    return made
