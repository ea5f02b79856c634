"""What a loop runs over, and the folder in a store where each of its turns leaves what it made.

Kubeflow hands a list of artifacts to a pod as one argument of its command line, which holds some 190 of them. So what
the pods of a loop make comes together in a store: one object for each turn, `FOLDER/KIND/SHARD`. What they read is
there as well, the graphs, the plan and the examples: what a pod is handed, Kubeflow writes six times into a run. A turn
that is begun again writes over its own object and no other.

The folder's name is a digest of everything that its content follows from: the graphs, the examples and the versions of
their files, the settings, octavo's version. So what lies in it is right for whoever comes to the same name: a run that
broke off is continued by the next one, and what a run has merged is taken by the next one as it is.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from octavo import __version__
from octavo.data.shard import Shard
from octavo.errors import DataError
from octavo.graph_folder import GraphFolder
from octavo.reading import first_fault
from octavo.runtime.in_order import in_order
from octavo.storage import (
    MissingObjectError,
    delete_folder,
    download,
    exists,
    join,
    list_objects,
    parent,
    read_bytes,
    upload,
)

HOME = ".octavo-parts"
"""The folder of all such folders."""

PLAN, MANIFEST, GRAPHS, MERGED = "plan.json", "manifest.jsonl", "graphs", "merged"

AT_ONCE = 16
"""Objects that are fetched at the same time."""

NAMED = 5
"""Shards that a message names; more are counted."""

KEPT_SECONDS = 7 * 24 * 3600.0
"""How long what nobody adds to is kept."""


class Plan(BaseModel):
    """What a loop runs over, and how.

    Attributes:
        kinds: what is made of each shard: a log, or the ranking of one graph or another.
        shards: the parts of the data set.
        batch_size: examples a batch; shards end where batches end.
        preprocessing: a preset's name, or a preprocessing document.
        recipe: the recipe's text; empty for the default.
        data: a digest of the versions of all files of the data set.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kinds: tuple[str, ...]
    shards: tuple[Shard, ...]
    batch_size: int
    preprocessing: str
    recipe: str = ""
    data: str

    def digest(self, graphs: Sequence[str], manifest: Path) -> str:
        """The name of the folder: 32 hexadecimal digits that another plan, graph or data set does not have.

        Args:
            graphs: a digest of each graph that the loop runs.
            manifest: the examples, as plan_shards wrote them down.
        """
        document = {
            "octavo": __version__,
            "graphs": list(graphs),
            "manifest": hashlib.sha256(manifest.read_bytes()).hexdigest(),
            "plan": self.model_dump(mode="json"),
        }
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:32]


class Turn(BaseModel):
    """One turn of a loop, as a pod is told it.

    Attributes:
        parts: the URI of the loop's folder.
        kind: what is to be made.
        shard: the shard's place in the plan.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    parts: str
    kind: str
    shard: int

    def as_text(self) -> dict[str, str]:
        """The turn as Kubeflow hands it on, where every number becomes one with a point."""
        return {name: str(value) for name, value in self.model_dump().items()}


@dataclass(frozen=True)
class Parts:
    """The folder of a loop.

    Args:
        folder: its URI.
    """

    folder: str

    @property
    def manifest(self) -> str:
        """The URI of the examples' list."""
        return join(self.folder, MANIFEST)

    def begin(self, plan: Plan, manifest: Path, graphs: Mapping[str, GraphFolder]) -> None:
        """Store what the turns read.

        Args:
            plan: what the loop runs over.
            manifest: the examples.
            graphs: a turn's kind -> the graph that it runs.

        Raises:
            StorageError: as `upload` does.
        """
        for kind, graph in graphs.items():
            for file in (graph.graph, graph.summary):
                upload(file, self._graph(kind, file.name))
        upload(manifest, self.manifest)
        text = manifest.with_name(PLAN)
        text.write_text(plan.model_dump_json())
        upload(text, join(self.folder, PLAN))

    def fetch_graph(self, kind: str, place: Path) -> GraphFolder | None:
        """Fetch the graph that turns of a kind run.

        Args:
            kind: the turns'.
            place: the folder to fetch it into.

        Returns:
            The graph; None where another run has merged these turns meanwhile, and nobody needs it any longer.

        Raises:
            StorageError: as `download` does.
        """
        graph = GraphFolder(place)
        try:
            for file in (graph.graph, graph.summary):
                download(self._graph(kind, file.name), file)
        except MissingObjectError:
            if exists(self._merged(kind)):
                return None
            raise
        return graph

    def plan(self) -> Plan:
        """The plan that was stored.

        Raises:
            DataError: when there is none, or something else is in its place.
        """
        where = join(self.folder, PLAN)
        try:
            return Plan.model_validate_json(read_bytes(where))
        except MissingObjectError as fault:
            raise DataError(f"there is no plan of a loop at {where!r}; plan its shards again") from fault
        except ValidationError as fault:
            raise DataError(f"{where!r} is no plan of a loop: {first_fault(fault)}") from fault

    def open_turns(self, plan: Plan) -> list[Turn]:
        """The turns whose results are not there yet, neither merged nor by themselves. Raises StorageError."""
        there = {entry.name for entry in list_objects(self.folder)}
        kinds = [kind for kind in plan.kinds if f"{MERGED}/{kind}" not in there]
        turns = [Turn(parts=self.folder, kind=kind, shard=shard.index) for kind in kinds for shard in plan.shards]
        return [turn for turn in turns if _name(turn.kind, turn.shard) not in there]

    def leave(self, kind: str, shard: Shard, made: Path) -> str:
        """Store what a turn made, whole or not at all, and say where. Raises StorageError as `upload` does."""
        where = self._uri(kind, shard)
        upload(made, where)
        return where

    def gather(self, kind: str, shards: Sequence[Shard], folder: Path) -> list[Path]:
        """Fetch what the pods of all shards made.

        Args:
            kind: what they made, as `leave` was told.
            shards: the plan's.
            folder: where to; the files are named by their shards.

        Returns:
            The files, in the shards' order.

        Raises:
            DataError: when a shard has left nothing; the message names it.
            StorageError: when the store cannot be reached or refuses.
        """
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / f"shard-{shard.index}" for shard in shards]

        def fetched(place: int) -> bool:
            return _downloaded(self._uri(kind, shards[place]), files[place])

        found = in_order(fetched, range(len(files)), at_once=AT_ONCE)
        missing = [shard for shard, there in zip(shards, found, strict=True) if not there]
        if missing:
            raise DataError(
                f"{len(missing)} of {len(shards)} shards have left no {kind} in {self.folder!r}: "
                f"{describe_shards(missing)}; wanted one of each: see why their pods failed"
            )
        return files

    def settled(self, kind: str, target: Path) -> bool:
        """Fetch what was merged of a kind, if that has been done. Raises StorageError as `download` does."""
        target.parent.mkdir(parents=True, exist_ok=True)
        return _downloaded(self._merged(kind), target)

    def settle(self, kind: str, merged: Path) -> None:
        """Keep what was merged of a kind, and delete what it was merged from. Raises StorageError as `upload` does."""
        upload(merged, self._merged(kind))
        for done in (kind, f"{GRAPHS}/{kind}"):
            delete_folder(join(self.folder, done))

    def _uri(self, kind: str, shard: Shard) -> str:
        return join(self.folder, _name(kind, shard.index))

    def _graph(self, kind: str, name: str) -> str:
        return join(self.folder, f"{GRAPHS}/{kind}/{name}")

    def _merged(self, kind: str) -> str:
        return join(self.folder, f"{MERGED}/{kind}")


def parts_home(target_uri: str, work_uri: str = "") -> str:
    """The folder of all loops' folders: in `work_uri`, or beside the folder that a run publishes to."""
    return join(work_uri or parent(target_uri), HOME)


def clear_old(home: str, *, now: float | None = None) -> int:
    """Delete the folders of loops that nobody has written to for a week, and say how many.

    Args:
        home: the folder of all loops' folders.
        now: seconds since 1970; the present where left out.

    Raises:
        StorageError: when the store cannot be reached or refuses.
    """
    newest: dict[str, float] = {}
    for entry in list_objects(home):
        name = entry.name.partition("/")[0]
        newest[name] = max(newest.get(name, 0.0), entry.modified)
    before = (time.time() if now is None else now) - KEPT_SECONDS
    old = [name for name, modified in newest.items() if modified < before]
    for name in old:
        delete_folder(join(home, name))
    return len(old)


def read_turn(given: Mapping[str, Any]) -> Turn:
    """The turn that a pod was handed.

    Raises:
        DataError: when it is none.
    """
    try:
        return Turn.model_validate(given)
    except ValidationError as fault:
        raise DataError(f"{dict(given)!r} is no turn of a loop: {first_fault(fault)}") from fault


def shard_of(turn: Turn, plan: Plan) -> Shard:
    """The shard of a turn.

    Raises:
        DataError: when the plan has no such shard.
    """
    found = next((shard for shard in plan.shards if shard.index == turn.shard), None)
    if found is None:
        raise DataError(
            f"the plan in {turn.parts!r} has {len(plan.shards)} shards; there is none of number {turn.shard}"
        )
    return found


def describe_shards(shards: Sequence[Shard]) -> str:
    """The shards by number and examples, as one phrase."""
    named = [f"shard {shard.index} (examples {shard.start} to {shard.stop - 1})" for shard in shards[:NAMED]]
    more = [f"{len(shards) - NAMED} more"] if len(shards) > NAMED else []
    return ", ".join([*named, *more])


def _name(kind: str, shard: int) -> str:
    return f"{kind}/{shard:05}"


def _downloaded(uri: str, target: Path) -> bool:
    try:
        download(uri, target)
    except MissingObjectError:
        return False
    return True
