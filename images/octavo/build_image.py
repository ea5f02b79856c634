"""Build the images `octavo/octavo:VERSION` and `octavo/octavo:VERSION-light` in a container engine: `make image`.

The host's settings of pip (its index and its authorities) reach the build as secrets and stay out of the images.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from container_engine import NoEngineError, find_client

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
REPOSITORY = "octavo/octavo"

AUTHORITIES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
"""Variables that name a file of certificate authorities."""

VARIABLES = {
    "index-url": ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"),
    "extra-index-url": ("PIP_EXTRA_INDEX_URL", "UV_INDEX"),
    "trusted-host": ("PIP_TRUSTED_HOST", "UV_INSECURE_HOST"),
}
"""A setting of pip -> the variables by which pip and uv heed it in the build."""

BUILDKIT = {"DOCKER_BUILDKIT": "1"}


class BuildError(Exception):
    """A build that failed."""


def version() -> str:
    """The package's version, which is the images' tag."""
    text = (ROOT / "components" / "octavo" / "__init__.py").read_text(encoding="utf-8")
    (found,) = re.findall(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    return str(found)


def tags() -> dict[str, str]:
    """The Dockerfile's target -> its image."""
    return {"octavo": f"{REPOSITORY}:{version()}", "light": f"{REPOSITORY}:{version()}-light"}


def build(base_image: str, inventories: Path) -> None:
    """Build both images, and write the lists of their packages and licences.

    Args:
        base_image: what they are built on: Python 3.11 on Debian.
        inventories: the folder for the lists.

    Raises:
        BuildError: when a build fails; the client has printed why.
    """
    with tempfile.TemporaryDirectory(prefix="octavo-build-") as folder:
        common = [find_client(), "build", f"--file={HERE / 'Dockerfile'}", f"--build-arg=BASE_IMAGE={base_image}"]
        common += [f"--build-arg=VERSION={version()}", f"--build-arg=REVISION={_revision()}", *_secrets(Path(folder))]
        common += ["--network=host"]
        for target, tag in tags().items():
            _run([*common, f"--target={target}", f"--tag={tag}", str(ROOT)])
        _run([*common, "--target=inventories", f"--output={inventories}", str(ROOT)])


def _run(command: list[str]) -> None:
    if subprocess.run(command, check=False, env={**os.environ, **BUILDKIT}).returncode:
        raise BuildError("the image was not built; the lines above say why")


def _output(command: list[str]) -> str:
    """What a command prints, nothing where it fails."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, **BUILDKIT}
    )
    return "" if done.returncode else done.stdout


def _revision() -> str:
    """The commit, where the sources are a clone."""
    return _output(["git", "rev-parse", "HEAD"]).strip()


def _secrets(folder: Path) -> list[str]:
    """The flags that give the build the host's way to a package index."""
    authorities = next((os.environ[name] for name in AUTHORITIES if os.environ.get(name)), "")
    index = folder / "index"
    index.write_text(index_variables(_pip_settings(), "/run/secrets/ca" if authorities else ""), encoding="utf-8")
    flags = [f"--secret=id=index,src={index}"]
    return [*flags, f"--secret=id=ca,src={authorities}"] if authorities else flags


def _pip_settings() -> dict[str, str]:
    """What the host's pip is set to, variables before files: name -> value."""
    lines = _output([sys.executable, "-P", "-m", "pip", "config", "list"]).splitlines()
    found = [re.fullmatch(r"(?P<where>.+?)\.(?P<name>[\w-]+)='(?P<value>.*)'", line) for line in lines]
    ordered = sorted((each for each in found if each), key=lambda each: each["where"] == ":env:")
    return {each["name"]: each["value"] for each in ordered}


def index_variables(settings: Mapping[str, str], authorities: str) -> str:
    """Shell lines that set the package index for pip and uv.

    Args:
        settings: the host's, by pip's names; an index that is a folder of the host is left out.
        authorities: where the build finds the certificate authorities; empty for the base image's own.
    """
    values = {"PIP_CERT": authorities, "SSL_CERT_FILE": authorities} if authorities else {}
    for setting, names in VARIABLES.items():
        value = " ".join(word for word in settings.get(setting, "").split() if not word.startswith("file:"))
        values |= dict.fromkeys(names, value) if value else {}
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base-image", default="python:3.11-slim", help="Python 3.11 on Debian (%(default)s)")
    parser.add_argument("--inventories", type=Path, default=ROOT / "dist" / "inventory", help="folder for the lists")
    options = parser.parse_args()
    try:
        build(options.base_image, options.inventories)
    except (BuildError, NoEngineError) as fault:
        sys.exit(f"error: {fault}")
    sys.stdout.write("".join(f"{tag}\n" for tag in tags().values()))


if __name__ == "__main__":
    main()
