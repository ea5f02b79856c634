"""The locked requirements are those of pyproject.toml: told without a network."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement

from build_image import index_variables, tags, version
from lock_requirements import BUILD, FOLDER, INVENTORY, NOT_LIGHT, UNUSED, dependencies, name_of
from octavo import __version__
from octavo.image import PUBLISHED

HERE = {
    "python_version": "3.11",
    "python_full_version": "3.11.0",
    "sys_platform": "linux",
    "platform_machine": "x86_64",
}


def pins(name: str) -> dict[str, str]:
    """Package -> the version that a requirements file pins."""
    found = re.findall(r"^([a-z0-9-]+)==(\S+) ", (FOLDER / f"{name}.txt").read_text(), re.MULTILINE)
    return dict(found)


@pytest.mark.parametrize("name", ["build", "inventory", "light", "tensorflow"])
def test_every_package_has_a_version_and_hashes_and_no_index_is_named(name: str) -> None:
    text = (FOLDER / f"{name}.txt").read_text()
    blocks = re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]

    assert len(blocks) == len(pins(name)) > 0
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in text


def test_direct_dependencies_are_pinned_within_their_bounds() -> None:
    pinned = pins("light") | pins("tensorflow")
    wanted = [Requirement(text) for text in (*dependencies(), *BUILD, *INVENTORY)]
    pinned |= {**pins("build"), **pins("inventory"), **pinned}

    wrong = [str(each) for each in wanted if not each.specifier.contains(pinned.get(name_of(each.name), "0"))]
    assert wrong == [], "run `make lock` and check in the result"


def test_the_light_image_leaves_out_what_runs_graphs_and_draws_and_the_rest_is_in_one_file() -> None:
    light, rest = pins("light"), pins("tensorflow")

    assert {name_of(each) for each in dependencies()} - light.keys() == set(NOT_LIGHT)
    assert set(NOT_LIGHT) <= rest.keys()
    assert light.keys() & rest.keys() == set()
    assert light.keys() & set(UNUSED) == rest.keys() & set(UNUSED) == set()


def needs(name: str) -> set[str]:
    """What an installed package demands on the image's platform, extras aside."""
    found = [Requirement(text) for text in importlib.metadata.requires(name) or ()]
    return {name_of(each.name) for each in found if applies(each.marker)}


def applies(marker: Marker | None) -> bool:
    return marker is None or marker.evaluate({**HERE, "extra": ""})


def test_what_locked_packages_demand_is_locked_too() -> None:
    locked = pins("light") | pins("tensorflow")
    installed = {name_of(each.metadata["Name"]): each.version for each in importlib.metadata.distributions()}
    same = [name for name, pinned in locked.items() if installed.get(name) == pinned]

    missing = {need for name in same for need in needs(name)} - locked.keys() - set(UNUSED)
    assert len(same) > len(locked) / 2
    assert missing == set()


def test_the_tag_is_the_packages_version_and_the_image_the_one_that_components_name() -> None:
    assert version() == __version__
    assert tags() == {"octavo": PUBLISHED, "light": f"{PUBLISHED}-light"}


def test_the_hosts_index_reaches_the_build_but_no_folder_of_the_host() -> None:
    settings = {
        "index-url": "https://user:it's@index.test/simple",
        "extra-index-url": "file:///opt/wheels https://more.test/simple",
        "timeout": "60",
    }

    assert index_variables(settings, "/run/secrets/ca").splitlines() == [
        "export PIP_CERT=/run/secrets/ca",
        "export SSL_CERT_FILE=/run/secrets/ca",
        """export PIP_INDEX_URL='https://user:it'"'"'s@index.test/simple'""",
        """export UV_DEFAULT_INDEX='https://user:it'"'"'s@index.test/simple'""",
        "export PIP_EXTRA_INDEX_URL=https://more.test/simple",
        "export UV_INDEX=https://more.test/simple",
    ]
    assert index_variables({}, "") == ""


def test_the_build_reads_only_what_it_copies() -> None:
    folder = Path(FOLDER).parent
    allowed = [line[1:] for line in (folder / "Dockerfile.dockerignore").read_text().splitlines() if line[0] == "!"]
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", (folder / "Dockerfile").read_text(), re.MULTILINE)

    assert {
        next((each for each in allowed if source.startswith(each)), source)
        for line in copied
        for source in line.split()
    } == set(allowed)
