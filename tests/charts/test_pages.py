"""What the pages on installing tell a reader to type works."""

from __future__ import annotations

import importlib
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from helm_chart import CHART, Helm, find_program, with_settings
from octavo.cli import COMMANDS
from octavo.cluster.register.registration import Registration
from quickstart import PIPELINE

ROOT = CHART.parents[1]
PAGES = [
    *(ROOT / "docs" / f"{name}.md" for name in ("install-kubeflow", "install-argo", "schedules", "object-stores")),
    *(ROOT / "docs" / f"{name}.md" for name in ("sizing", "upgrading")),
    CHART / "README.md",
]


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language, without the indentation of a list around them."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


def commands(program: str) -> Iterator[list[str]]:
    """The arguments of each command of a program in the pages' shell blocks, and in Helm's notes."""
    texts = [block for page in PAGES for block in blocks(page, "shell")]
    for text in texts:
        for line in text.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words and words[0] == program:
                yield words[1:]


def documents() -> list[str]:
    return [block for page in PAGES for block in blocks(page, "yaml")]


@pytest.mark.parametrize("words", list(commands("helm")), ids=" ".join)
def test_every_helm_command_is_one(helm: Helm, words: list[str], tmp_path: Path) -> None:
    if words[0] == "test":
        assert helm.run(*words, "--help").returncode == 0
        return
    (tmp_path / "schedules.yaml").write_text(next(text for text in documents() if text.startswith("schedules:")))
    flags = [word.replace("schedules.yaml", str(tmp_path / "schedules.yaml")) for word in words[3:]]
    rendering = [flag for flag in flags if not flag.startswith("--reset")]
    done = helm.run("template", words[1], CHART, *rendering)

    assert words[2] == "charts/octavo"
    assert done.returncode == 0, done.stderr
    help_ = helm.run(words[0], "--help").stdout
    assert [flag for flag in flags if flag.startswith("--") and flag.split("=")[0] not in help_] == []


@pytest.mark.parametrize("words", list(commands("octavo")), ids=" ".join)
def test_every_octavo_command_is_one(words: list[str]) -> None:
    command = importlib.import_module(COMMANDS[words[0]][0]).command

    assert command.make_context(words[0], words[1:]).params


@pytest.mark.parametrize("words", [w for w in commands("kubectl") if w[0] == "create"], ids=" ".join)
def test_every_secret_can_be_made(words: list[str], tmp_path: Path) -> None:
    kubectl = find_program("kubectl")
    if kubectl is None:
        pytest.skip("no kubectl: `make test` installs it")
    (tmp_path / "google.json").write_text("{}")
    done = subprocess.run(
        [kubectl, *words, "--dry-run=client", "--output=yaml"],
        cwd=tmp_path,
        env={"KUBECONFIG": str(tmp_path / "none")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout)["metadata"]["name"] == "octavo-object-store"


@pytest.mark.parametrize("text", documents(), ids=lambda text: text.splitlines()[0])
def test_every_document_is_values_or_a_registration(helm: Helm, text: str, tmp_path: Path) -> None:
    if "owner" in yaml.safe_load(text):
        assert Registration.parse(text).schedules
        return
    values = tmp_path / "values.yaml"
    values.write_text(text)

    assert helm.render(f"--values={values}")


def test_the_parameters_that_submit_is_given_are_the_pipelines() -> None:
    pipeline = next(yaml.safe_load_all((PIPELINE / "pipeline.yaml").read_text()))
    parameters = pipeline["root"]["inputDefinitions"]["parameters"]
    required = {name for name, each in parameters.items() if not each.get("isOptional")}
    given = [
        {word.split("=")[0] for word in words[1:] if word.split("=")[0] in parameters or "_uri=" in word}
        for words in commands("octavo")
        if words[0] == "submit"
    ]

    assert given
    assert all(required <= names <= set(parameters) for names in given)


def test_helms_notes_show_commands_that_are_ones(helm: Helm) -> None:
    for mode in ("kfp", "argo"):
        settings = with_settings({"mode": mode, "objectStore.bucket": "b"})
        notes = helm.run("install", "octavo", CHART, "--dry-run=client", *settings).stdout.split("NOTES:")[1]
        (line,) = [line for line in notes.replace("\\\n", " ").splitlines() if line.strip().startswith("octavo submit")]
        command = importlib.import_module(COMMANDS["submit"][0]).command
        assert command.make_context("submit", shlex.split(line)[2:]).params["settings"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", page.read_text())

    assert [target for target in targets if not (page.parent / target).exists()] == []
