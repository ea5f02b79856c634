"""octavo's image, built from the sources as they are and given to the cluster's containerd."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Mapping

from build_image import tags
from cluster.home import HERE, ROOT, Home
from cluster.processes import NoClusterError, run
from container_engine import NoEngineError, engine
from octavo.runtime import machine

REGISTRY = "octavo.test"
BASE_IMAGE = "local/python:3.11-slim"
SOURCES = (
    "components/octavo/**/*",
    "images/octavo/*[!y]",
    "images/octavo/requirements/*",
    "tests/cluster/image/*",
    "pyproject.toml",
)
"""What the images are made of; the programs that build them have names that end in y."""


def image_names() -> tuple[str, ...]:
    """The full image and the light one, under the names that the cluster knows."""
    return tuple(f"{REGISTRY}/{tag}" for tag in tags().values())


def has_int8() -> bool:
    """Whether this machine runs INT8 graphs right; a test of the cluster runs them even where it does not."""
    return bool(machine.int8_instructions(machine.cpu_info()))


def sources_digest() -> str:
    """A checksum of the images' sources."""
    found = hashlib.sha256()
    for file in sorted({file for pattern in SOURCES for file in ROOT.glob(pattern) if file.is_file()}):
        if "__pycache__" not in file.parts:
            found.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return found.hexdigest()


def give_octavo(home: Home) -> None:
    """Build the images and import them, where the sources have changed since.

    Raises:
        NoClusterError: when there is no container engine, or a build fails.
    """
    home.make("octavo")
    stamp, sources = home.path / "octavo" / "sources", sources_digest()
    present = set(run("ctr", "-n", "k8s.io", "images", "ls", "-q", home=home).split())
    if stamp.exists() and stamp.read_text() == sources and present.issuperset(image_names()):
        return
    try:
        with engine() as variables:
            _build(variables)
            _import(home, variables)
    except NoEngineError as fault:
        raise NoClusterError(f"octavo's image cannot be built: {fault}") from fault
    stamp.write_text(sources)


def _build(variables: Mapping[str, str]) -> None:
    if subprocess.run(
        ["docker", "image", "inspect", BASE_IMAGE], env=variables, capture_output=True, check=False
    ).returncode:
        _run(variables, ROOT / "images" / "local_base.sh")
    _run(variables, sys.executable, ROOT / "images" / "octavo" / "build_image.py", f"--base-image={BASE_IMAGE}")
    target = "known" if has_int8() else "unknown"
    for tag in tags().values():
        names = (f"--build-arg=IMAGE={tag}", f"--tag={REGISTRY}/{tag}")
        kind = "known" if tag.endswith("-light") else target
        _run(
            {**variables, "DOCKER_BUILDKIT": "1"},
            "docker",
            "build",
            "--network=host",
            f"--target={kind}",
            *names,
            HERE / "image",
        )


def _import(home: Home, variables: Mapping[str, str]) -> None:
    archive = home.path / "octavo" / "images.tar"
    _run(variables, "docker", "save", "--output", archive, *image_names())
    run("ctr", "-n", "k8s.io", "images", "import", archive, home=home)
    archive.unlink()


def _run(variables: Mapping[str, str], *command: object) -> None:
    done = subprocess.run(
        [str(word) for word in command],
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NoClusterError(f"octavo's image was not built:\n{done.stdout[-4000:]}")
