"""Where the cluster keeps what it has built and what it runs on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

ADDRESS = "10.88.0.1"
"""The host's own address on the pods' bridge: the API server, the name server and the object store listen there."""

NETWORK = "10.88.0.0/24"
"""The pods'."""


@dataclass(frozen=True)
class Home:
    """The folder of a cluster.

    Attributes:
        path: the folder.
    """

    path: Path

    @property
    def bin(self) -> Path:
        """Programs that were built."""
        return self.path / "bin"

    @property
    def keys(self) -> Path:
        """Certificates, keys and kubeconfigs."""
        return self.path / "pki"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.keys / "admin.conf"

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a process that uses the cluster."""
        path = f"{self.bin}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig), "PATH": path}

    def make(self, *names: str) -> None:
        """Make folders in it."""
        for name in names:
            (self.path / name).mkdir(parents=True, exist_ok=True)


def home() -> Home:
    """The folder that CLUSTER_HOME names, or else one in the user's cache."""
    return Home(Path(os.environ.get("CLUSTER_HOME") or Path.home() / ".cache" / "octavo-cluster"))
