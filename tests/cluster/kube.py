"""kubectl on the cluster that KUBECONFIG leads to."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

Document = dict[str, Any]
Answer = TypeVar("Answer")


EVERYBODYS = r"selfsubject|^/|Resources|^\s*\["
"""Lines of `kubectl auth can-i --list` on what every account may: ask about itself, read the API's own pages."""


class KubectlError(Exception):
    """What kubectl printed when it failed."""


def kubectl(*words: object, given: str | None = None) -> str:
    """Run kubectl.

    Args:
        words: its arguments.
        given: what it reads.

    Raises:
        KubectlError: when it fails.
    """
    command = ["kubectl", *map(str, words)]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise KubectlError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def apply(*documents: Document) -> None:
    """Make objects, or bring them into this form."""
    listed = {"apiVersion": "v1", "kind": "List", "items": list(documents)}
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given=json.dumps(listed))


def get(namespace: str, kind: str, name: str) -> Document:
    """One object."""
    found: Document = json.loads(kubectl("-n", namespace, "get", kind, name, "-o", "json"))
    return found


def find(namespace: str, kinds: str, selector: str = "") -> list[Document]:
    """All objects of a kind, or of several (`pods,secrets`)."""
    found: list[Document] = json.loads(kubectl("-n", namespace, "get", kinds, "-l", selector, "-o", "json"))["items"]
    return found


def names(documents: Iterable[Document]) -> set[str]:
    """Kind/name of each."""
    return {f"{each['kind']}/{each['metadata']['name']}" for each in documents}


def rights(namespace: str, account: str) -> list[str]:
    """What a service account may do in its namespace, beside what every account may: a line for each kind."""
    who = f"--as=system:serviceaccount:{namespace}:{account}"
    lines = kubectl("-n", namespace, "auth", "can-i", "--list", who).splitlines()
    return [" ".join(line.split()) for line in lines if line.strip() and not re.search(EVERYBODYS, line)]


def eventually(what: str, seconds: float, question: Callable[[], Answer | None]) -> Answer:
    """The answer to a question, asked each second until there is one.

    Raises:
        TimeoutError: when there is none in time.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := question():
            return answer
        time.sleep(1)
    raise TimeoutError(f"{what}: not within {seconds:.0f} s")
