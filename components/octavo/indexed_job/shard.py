"""What each pod of a Job does: one shard of the step."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from octavo.data.plan import read_plan
from octavo.errors import SpecError
from octavo.indexed_job.inputs import fetch
from octavo.run_component.run import is_artifact, run_component


def run_shard(folder: str, index: int) -> None:
    """Run the component that the step's work names on one shard of its plan. What it makes, it leaves in the store.

    Args:
        folder: the URI of what the step has stored for its pods.
        index: the shard's.

    Raises:
        SpecError: when the plan has no such shard.
        OctavoError: as the component does.
    """
    from octavo import components

    with tempfile.TemporaryDirectory(prefix="octavo-shard-") as place:
        work, files = fetch(folder, Path(place))
        shards = read_plan(files["plan"]).shards
        if not 0 <= index < len(shards):
            raise SpecError(f"there is no shard {index}: the plan has {len(shards)}, from 0 on")
        shard = shards[index]
        click.echo(f"shard {index} of {len(shards)}: examples {shard.start} to {shard.stop - 1}")
        component = getattr(components, work.component)
        outputs = component.component_spec.outputs or {}
        made = {name: Path(place, "made", name) for name, each in outputs.items() if is_artifact(each.type)}
        run_component(component, {**files, **made, **work.parameters, "shard": shard.model_dump()})
