"""The shards of a loop, and the folder in a store where each one leaves what it made for the step behind the loop.

Kubeflow hands a list of artifacts to a pod as one argument of its command line, which holds some 190 of them. So what
the pods of a loop make comes together in a store: one object for each shard, `FOLDER/KIND/INDEX`. A shard that is begun
again writes over its own object and no other.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from octavo.data.shard import Shard
from octavo.errors import DataError
from octavo.notes import counted
from octavo.runtime.in_order import in_order
from octavo.storage import MissingObjectError, delete_folder, download, join, upload

LOG = logging.getLogger(__name__)

AT_ONCE = 16
"""Objects that are fetched at the same time."""

NAMED = 5
"""Shards that a message names; more are counted."""


class Plan(BaseModel):
    """What a loop runs over.

    Attributes:
        shards: each of the loop's turns.
        folder: the URI that the turns' results are left under.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shards: tuple[Shard, ...]
    folder: str

    def leave(self, kind: str, shard: Shard, made: Path) -> None:
        """Store what a shard's pod made, whole or not at all. Raises StorageError as `upload` does."""
        upload(made, self._uri(kind, shard))

    def gather(self, kind: str, folder: Path) -> list[Path]:
        """Fetch what the pods of all shards made.

        Args:
            kind: what they made, as `leave` was told.
            folder: where to; the files are named by their shards.

        Returns:
            The files, in the shards' order.

        Raises:
            DataError: when a shard has left nothing; the message names it.
            StorageError: when the store cannot be reached or refuses.
        """
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / f"shard-{shard.index}" for shard in self.shards]

        def fetched(place: int) -> bool:
            try:
                download(self._uri(kind, self.shards[place]), files[place])
            except MissingObjectError:
                return False
            return True

        found = in_order(fetched, range(len(files)), at_once=AT_ONCE)
        missing = [shard for shard, there in zip(self.shards, found, strict=True) if not there]
        if missing:
            raise DataError(
                f"{len(missing)} of {len(self.shards)} shards have left no {kind} in {self.folder!r}: "
                f"{describe_shards(missing)}; wanted one of each: see why their pods failed"
            )
        return files

    def clear(self) -> int:
        """Delete what was left, and say how much it was. Raises StorageError as `delete_folder` does."""
        deleted = delete_folder(self.folder)
        LOG.info("deleted %s of the shards of this run", counted(deleted, "file"))
        return deleted

    def _uri(self, kind: str, shard: Shard) -> str:
        return join(self.folder, f"{kind}/{shard.index:05}")


def make_plan(shards: Sequence[Shard], target_uri: str) -> Plan:
    """A plan with a folder of its own under `target_uri`, which no other run has."""
    return Plan(shards=tuple(shards), folder=join(target_uri, f".octavo-parts-{secrets.token_hex(8)}"))


def read_plan(path: Path) -> Plan:
    """Read a plan that was written as JSON.

    Raises:
        DataError: when the file cannot be read or holds something else.
    """
    try:
        return Plan.model_validate_json(path.read_bytes())
    except OSError as fault:
        raise DataError(f"the plan {str(path)!r} cannot be read: {fault.strerror}") from fault
    except ValidationError as fault:
        first = fault.errors()[0]
        raise DataError(f"{str(path)!r} is no plan of shards: {first['loc']}: {first['msg']}") from fault


def describe_shards(shards: Sequence[Shard]) -> str:
    """The shards by number and examples, as one phrase."""
    named = [f"shard {shard.index} (examples {shard.start} to {shard.stop - 1})" for shard in shards[:NAMED]]
    more = [f"{len(shards) - NAMED} more"] if len(shards) > NAMED else []
    return ", ".join([*named, *more])
