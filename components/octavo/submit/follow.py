"""Follow a run to its end, with a line for each step, wherever it runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from octavo.errors import ClusterError
from octavo.progress import StepLines

State = Literal["waiting", "running", "succeeded", "failed"]


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a run.

    Attributes:
        key: unique in the run.
        name: what is shown.
        state: how far it is.
        seconds: how long it took, once it has ended.
        reason: why it failed, as the platform says.
        pod: the name of its pod; "" where none is known.
    """

    key: str
    name: str
    state: State
    seconds: float = 0.0
    reason: str = ""
    pod: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """A run as it is now."""

    state: State
    steps: Sequence[Step]
    reason: str = ""


class Run(Protocol):
    """A run that was started."""

    link: str

    def progress(self) -> Progress:
        """How far it is now."""
        ...

    def log(self, step: Step) -> str:
        """The last lines of a step's log, or why there are none."""
        ...


def follow(run: Run, lines: StepLines, *, poll_seconds: float) -> None:
    """Show the steps until the run ends.

    Raises:
        ClusterError: when it failed; the message holds the step, the reason and the end of its log.
    """
    begun: set[str] = set()
    ended: set[str] = set()
    while True:
        now = run.progress()
        for step in now.steps:
            if step.state != "waiting" and step.key not in begun:
                begun.add(step.key)
                lines.began(step.name)
            if step.state in ("succeeded", "failed") and step.key not in ended:
                ended.add(step.key)
                lines.ended(step.name, step.seconds, well=step.state == "succeeded")
        if now.state in ("succeeded", "failed"):
            break
        time.sleep(poll_seconds)
    if now.state == "failed":
        raise ClusterError(_why(run, now))


def _why(run: Run, now: Progress) -> str:
    failed = [step for step in now.steps if step.state == "failed"]
    if not failed:
        return f"the run failed: {now.reason or 'no step says why'}; see {run.link}"
    step = failed[0]
    reason = step.reason or now.reason or "no reason is given"
    return f"the step {step.name!r} failed: {reason}; see {run.link}\n{run.log(step)}".rstrip()
