"""The turns of a loop over a data set's shards, and the folder in which they leave what they make."""

from __future__ import annotations

import logging
import os
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from octavo.data.parts import Parts, Plan, Turn, clear_old, parts_home
from octavo.data.versions import data_version
from octavo.graph_folder import GraphFolder
from octavo.notes import counted
from octavo.plan_shards.declared import check_declared
from octavo.plan_shards.plan import plan_shards
from octavo.run_parameters import IN_JOB
from octavo.storage import join

LOG = logging.getLogger(__name__)

TAKEN = "an earlier run has done"
"""What a plan says of turns whose results are there, before how many they are."""


def plan_for_pods(
    graphs: Mapping[str, GraphFolder], parts: str, *, target_uri: str, work_uri: str, **settings: Any
) -> list[dict[str, str]]:
    """Plan a loop whose turns are pods, and say what there is to do.

    Args:
        graphs: what a turn leaves -> the graph that it runs for that.
        parts: the file to write the URI of the loop's folder to.
        target_uri: the folder that the run publishes to.
        work_uri: the folder for what pods hand on; the one around `target_uri` when empty.
        settings: further arguments of `plan_loop`.

    Returns:
        The turns that are left to be done; none where a Job does them, which reads them from the folder.

    Raises:
        OctavoError: as `plan_loop` does.
    """
    folder, plan, turns = plan_loop(graphs, home=parts_home(target_uri, work_uri), **settings)
    Path(parts).parent.mkdir(parents=True, exist_ok=True)
    Path(parts).write_text(folder.folder)
    told(plan, turns)
    return [] if os.environ.get(IN_JOB) else [turn.as_text() for turn in turns]


def plan_loop(
    graphs: Mapping[str, GraphFolder],
    *,
    dataset_uri: str,
    shards: int,
    batch_size: int,
    preprocessing: str,
    home: str,
    recipe: str = "",
    limit: int = 0,
    seed: int = 0,
    reuse: bool = True,
) -> tuple[Parts, Plan, list[Turn]]:
    """Plan a loop that runs graphs over the shards of a data set.

    Args:
        graphs: what a turn leaves -> the graph that it runs for that.
        dataset_uri: the data set.
        shards: how many; fewer come out when there are fewer batches.
        batch_size: examples a batch.
        preprocessing: a preset's name, or a preprocessing document.
        home: the URI of the folder of all loops' folders.
        recipe: the recipe's text; empty for the default.
        limit: use that many examples only; 0 for all.
        seed: chooses examples at random; 0 takes the first ones.
        reuse: whether what an earlier run left of the same graphs, data and settings is taken.

    Returns:
        The loop's folder, its plan, and the turns whose results are not in the folder.

    Raises:
        OctavoError: when the data set, the preprocessing or a number cannot be used, or the store refuses.
    """
    for graph in graphs.values():
        check_declared(graph.summary, preprocessing)
    with tempfile.TemporaryDirectory(prefix="octavo-plan-") as folder:
        manifest = Path(folder, "manifest.jsonl")
        planned = plan_shards(
            dataset_uri, shards=shards, batch_size=batch_size, limit=limit, seed=seed, manifest=manifest
        )
        plan = Plan(
            kinds=tuple(graphs),
            shards=tuple(planned),
            batch_size=batch_size,
            preprocessing=preprocessing,
            recipe=recipe,
            data=data_version(manifest),
        )
        parts = Parts(join(home, _name(plan, list(graphs.values()), manifest, reuse=reuse)))
        turns = parts.open_turns(plan)
        parts.begin(plan, manifest, {turn.kind: graphs[turn.kind] for turn in turns})
    clear_old(home)
    return parts, plan, turns


def _name(plan: Plan, graphs: Sequence[GraphFolder], manifest: Path, *, reuse: bool) -> str:
    digest = plan.digest([graph.digest() for graph in graphs], manifest)
    return digest if reuse else f"{digest}-{secrets.token_hex(4)}"


def told(plan: Plan, turns: Sequence[Turn]) -> None:
    """Say what of a loop is done already."""
    whole = len(plan.shards) * len(plan.kinds)
    if done := whole - len(turns):
        LOG.info("%s %s of %s", TAKEN, f"{done:,}", counted(whole, "turn"))


def reused(printed: str) -> list[str]:
    """What plans have said so, of all that the tasks of a run have printed."""
    return [line.strip() for line in printed.splitlines() if line.strip().startswith(TAKEN)]
