"""Follow a run to its end, with a line for each step, wherever it runs."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from octavo.cluster.submit.printed import last_sentence
from octavo.errors import ClusterError
from octavo.progress import StepLines

State = Literal["waiting", "running", "succeeded", "failed"]

AWAY_SECONDS = 300.0
"""How long an API may be away while a run is followed."""

KILLED = re.compile(r"exit (?:code|status) 137|killed by SIGKILL")
"""What a process is told to have ended with that the kernel killed, as it does when memory runs out."""

UNSEEN_SECONDS = 30.0
"""After how long it is said that nothing has picked a run up."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a run.

    Attributes:
        key: unique in the run.
        name: what is shown.
        state: how far it is.
        seconds: how long it took, once it has ended.
        reason: why it failed, as the platform says.
        ids: what the platform calls the pods of its tries, the last one at the end.
    """

    key: str
    name: str
    state: State
    seconds: float = 0.0
    reason: str = ""
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """A run as it is now.

    Attributes:
        state: how far it is; "waiting" until a controller has picked it up.
        steps: those that are known.
        reason: why it failed, as the platform says.
    """

    state: State
    steps: Sequence[Step]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run failed; a text is empty where nothing is known.

    Attributes:
        step: the step's name.
        reason: in the platform's words.
        log: the end of what the step printed, or why it cannot be shown.
    """

    step: str
    reason: str
    log: str


class Run(Protocol):
    """A run that was started.

    Attributes:
        link: where to look at it.
        controller: what should pick it up, and how to see whether it is there.
    """

    link: str
    controller: str

    def progress(self) -> Progress:
        """How far it is now."""
        ...

    def failure(self, now: Progress) -> Failure:
        """Why it failed; `now` is its end."""
        ...


def follow(run: Run, lines: StepLines, *, poll_seconds: float) -> None:
    """Show the steps until the run ends.

    Raises:
        ClusterError: when it failed; the message holds the step, the reason and the end of its log.
    """
    begun: set[str] = set()
    ended: set[str] = set()
    start, unseen = time.monotonic(), True
    while True:
        now = run.progress()
        if unseen and now.state == "waiting" and time.monotonic() - start >= UNSEEN_SECONDS:
            lines.note(f"nothing has picked the run up for {UNSEEN_SECONDS:g} s: {run.controller}")
            unseen = False
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
    failure = run.failure(now)
    sentence, log = last_sentence(failure.log)
    reason = failure.reason or now.reason
    told = f"{sentence} ({reason})" if sentence and reason else sentence or reason
    if not failure.step:
        return f"the run failed: {told or 'no step says why'}; see {run.link}\n{log}".rstrip()
    advice = _about_memory(f"{sentence} {reason}", failure.step)
    return f"the step {failure.step!r} failed: {told or 'no reason is given'}{advice}; see {run.link}\n{log}".rstrip()


def _about_memory(told: str, step: str) -> str:
    """What a step that died of memory, for sure or most likely, needs, as the end of a sentence."""
    sure = "OOMKilled" in told
    if not sure and not KILLED.search(told):
        return ""
    return f": {'' if sure else 'most likely '}its memory ran out, so raise resources.{chart_name(step)}.limits.memory"


def chart_name(step: str) -> str:
    """What the chart's values call a step, of which a platform shows the name or a turn of its loop."""
    return re.sub(r"[^a-z0-9]+", "-", step.partition("(")[0].lower())
