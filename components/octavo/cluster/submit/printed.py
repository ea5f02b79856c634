"""What a step printed, without the lines of the programs that run it."""

from __future__ import annotations

import json
import re

LINES = 20
"""The last lines that are shown."""

ASKED = 200
"""The last lines that are asked for: some of them are others' than the step's."""

ERROR = re.compile(r"^octavo: error:\s", re.MULTILINE)
"""What octavo's last sentence begins with; in a pod of Kubeflow's it is wrapped, and the last lines are all its."""

_ARGO = re.compile(r"time=.* argo=true( .*)?")
_ARGOS_LAST = re.compile(r"Error: exit status \d+")
_LAUNCHER = re.compile(r"[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ \S+\.go:\d+\].*")


def end_of(log: str) -> str:
    """The end of a step's own log: Argo's executor and KFP's launcher write between its lines."""
    lines = log.splitlines()
    own = [line for line in lines if not _is_of_runner(line)]
    if len(own) < len(lines) and own and _ARGOS_LAST.fullmatch(own[-1]):
        own.pop()
    return "\n".join(own[-LINES:]).rstrip()


def last_sentence(log: str) -> tuple[str, str]:
    """What a step's log ends with where octavo ended it, on one line again, and the log before that; "" for neither."""
    found = [each.span() for each in ERROR.finditer(log)]
    if not found:
        return "", log
    start, end = found[-1]
    return " ".join(log[end:].split()), log[:start].rstrip()


def _is_of_runner(line: str) -> bool:
    return bool(_ARGO.fullmatch(line) or _LAUNCHER.fullmatch(line)) or _is_argos_json(line)


def _is_argos_json(line: str) -> bool:
    if not (line.startswith("{") and '"argo"' in line):
        return False
    try:
        return json.loads(line).get("argo") is True
    except ValueError:
        return False
