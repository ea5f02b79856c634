"""Take schedules off a server without ending their runs.

A recurring run owns what it began: with it Kubernetes deletes the Workflow of a run that is going on, of which the
server then says RUNNING for ever.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from octavo.cluster.kubeflow import equals, everything

SETTLE_SECONDS = 10.0
"""After this a disabled schedule begins no run any more, and the run that it began last is in the server's list."""

ENDED = frozenset({"SUCCEEDED", "SKIPPED", "FAILED", "CANCELED"})
"""The states of a run that does not go on."""

PAGE = 100


def retire(client: Any, former: Sequence[tuple[str, Any]], *, namespace: str) -> list[str]:
    """Disable recurring runs, and delete those of which no run is going on; the next call deletes the others.

    Args:
        client: a kfp.Client.
        former: for each recurring run what to call it, and the server's own record of it.
        namespace: the profile's; "" where Kubeflow is not multi-user.

    Returns:
        A line for each of them: deleted, or kept and why.

    Raises:
        ApiException: as the API refuses.
    """
    enabled = [run for _, run in former if run.mode == "ENABLE"]
    for run in enabled:
        client.disable_recurring_run(run.recurring_run_id)
    if enabled:
        time.sleep(SETTLE_SECONDS)
    return [_retired(client, name, run.recurring_run_id, namespace) for name, run in former]


def _retired(client: Any, name: str, recurring_run_id: str, namespace: str) -> str:
    going = _going(client, recurring_run_id, namespace)
    if going is None:
        client.delete_recurring_run(recurring_run_id)
        return f"deleted the {name}"
    return (
        f"kept the {name}, disabled: its run {going} is going on, and would end with it; "
        "a register after that deletes it"
    )


def _going(client: Any, recurring_run_id: str, namespace: str) -> str | None:
    """The id of a run that is not at its end; None when there is none."""

    def page(token: str) -> Any:
        return client.list_runs(
            page_token=token,
            page_size=PAGE,
            namespace=namespace or None,
            filter=equals("recurring_run_id", recurring_run_id),
        )

    return next((str(run.run_id) for run in everything(page, "runs") if str(run.state) not in ENDED), None)
