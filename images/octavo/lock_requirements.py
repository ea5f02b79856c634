"""Write requirements/*.txt, the packages of the images with their versions and hashes: `make lock`.

- light.txt: what octavo needs where it runs no graph.
- tensorflow.txt: what it needs besides, to run graphs and draw charts.
- build.txt: what builds wheels of those packages that come as source, and of octavo.
- inventory.txt: what lists the packages and their licences.

The first two are the closure of pyproject.toml's dependencies, less what nothing imports at run time.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FOLDER = HERE / "requirements"

NOT_LIGHT = ("tensorflow-cpu", "matplotlib")
"""Direct dependencies that only steps need which run graphs or draw charts."""

UNUSED = ("libclang", "setuptools", "wheel")
"""What TensorFlow's metadata demand and its code does not import: 70 MB."""

BUILD = ("hatchling>=1.27,<2", "setuptools>=77", "uv==0.13.9", "wheel>=0.45")
INVENTORY = ("cyclonedx-bom==7.5.0", "pip-licenses==5.5.5")

PYTHON = "3.11"
PLATFORM = "x86_64-manylinux_2_28"
HEAD = "# Written by `make lock` from pyproject.toml and images/octavo/lock_requirements.py.\n"


def name_of(requirement: str) -> str:
    """A requirement's package, spelled as locks spell it: `Google_Pasta>=1` -> `google-pasta`."""
    (name,) = re.findall(r"^[A-Za-z0-9._-]+", requirement)
    return re.sub(r"[-_.]+", "-", str(name)).lower()


def dependencies() -> list[str]:
    """The direct dependencies, as pyproject.toml has them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [str(each) for each in project["dependencies"]]


def resolve(requirements: Iterable[str], pinned: str = "") -> dict[str, str]:
    """Package -> its lines in a requirements file: its version and the hashes of its files.

    Args:
        requirements: what is wanted.
        pinned: a requirements file's text; what it pins keeps its version.
    """
    constraints = FOLDER / "constraints.tmp"
    constraints.write_text(pinned, encoding="utf-8")
    command = [
        *(sys.executable, "-P", "-m", "uv", "pip", "compile", "--quiet", "--generate-hashes"),
        *("--no-annotate", "--no-header"),
        *("--python-version", PYTHON, "--python-platform", PLATFORM, "--constraints", str(constraints), "-"),
    ]
    wanted = "\n".join(requirements)
    try:
        found = subprocess.run(command, input=wanted, text=True, check=True, stdout=subprocess.PIPE, cwd=FOLDER).stdout
    finally:
        constraints.unlink()
    blocks = re.split(r"^(?=\S)", found, flags=re.MULTILINE)
    return {name_of(block): block for block in blocks if block.strip()}


def locks() -> dict[str, str]:
    """File name -> its text."""
    direct = dependencies()
    whole = resolve(direct)
    light = resolve((each for each in direct if name_of(each) not in NOT_LIGHT), "".join(whole.values()))
    rest = {name: block for name, block in whole.items() if name not in light and name not in UNUSED}
    found = {"light": light, "tensorflow": rest, "build": resolve(BUILD), "inventory": resolve(INVENTORY)}
    return {f"{name}.txt": HEAD + "".join(blocks.values()) for name, blocks in found.items()}


if __name__ == "__main__":
    for name, text in locks().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
