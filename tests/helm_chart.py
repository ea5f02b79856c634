"""The real Helm on the project's chart."""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parents[1] / "charts" / "octavo"

CI_VALUES = sorted((CHART / "ci").glob("*-values.yaml"))
"""One file of values for each way to install the chart."""

GOLDEN_NAMES = ("argo-s3", "kfp")
"""The values whose manifests are kept whole, one for each flavour; of the others the tests look at what differs."""

GOLDEN = Path(__file__).resolve().parent / "charts" / "golden"
"""What each of them renders to."""

RELEASE, NAMESPACE = "octavo", "vision"

Document = dict[str, Any]


def find_helm() -> Path | None:
    """The Helm that `make test` puts beside Python, or the machine's own."""
    return find_program("helm")


def find_program(name: str) -> Path | None:
    """A program beside Python, or on the path."""
    beside = Path(sysconfig.get_path("scripts")) / name
    found = beside if beside.exists() else shutil.which(name)
    return Path(found) if found else None


class Helm:
    """Helm's commands, each on the chart."""

    def __init__(self, program: Path) -> None:
        self.program = program

    def run(self, *words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run([self.program, *map(str, words)], capture_output=True, text=True, check=False)

    def template(self, *flags: object) -> subprocess.CompletedProcess[str]:
        return self.run("template", RELEASE, CHART, f"--namespace={NAMESPACE}", *flags)

    def render(self, *flags: object) -> list[Document]:
        """The manifests, hooks and tests included."""
        done = self.template(*flags)
        assert done.returncode == 0, done.stderr
        return [document for document in yaml.safe_load_all(done.stdout) if document]


def with_values(file: Path) -> str:
    return f"--values={file}"


def with_settings(settings: Mapping[str, object]) -> list[str]:
    """Flags for values by their dotted names."""
    return [f"--set={name}={value}" for name, value in settings.items()]


def of_kind(documents: Iterable[Document], kind: str) -> list[Document]:
    return [document for document in documents if document["kind"] == kind]


def the(documents: Iterable[Document], kind: str, name: str) -> Document:
    """The one manifest of a kind and a name."""
    (found,) = [document for document in of_kind(documents, kind) if document["metadata"]["name"] == name]
    return found


def golden_text(documents: list[Document]) -> str:
    """The manifests without the compiled pipeline and its checksum, which have tests of their own."""
    shown = [_without_pipeline(document) for document in documents]
    text = yaml.safe_dump_all(shown, sort_keys=False, width=120)
    return re.sub(r"(\d+\.\d+\.\d+)-[0-9a-f]{8}\b", r"\1-CHECKSUM", str(text))


def _without_pipeline(document: Document) -> Document:
    shown = deepcopy(document)
    for holder, name in (("data", "pipeline.yaml"), ("spec", "pipelineSpec"), ("spec", "platformSpec")):
        if name in shown.get(holder, {}):
            shown[holder][name] = "the compiled pipeline"
    return shown
