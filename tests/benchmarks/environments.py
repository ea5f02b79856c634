"""The other tools, each installed into an environment of its own, once for each version of its requirements."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

REQUIREMENTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "neural-compressor": (
        ("tensorflow-cpu==2.21.0", "prettytable", "psutil", "py-cpuinfo", "pydantic", "pyyaml"),
        ("--no-deps", "neural-compressor-tf==3.10"),  # it would bring the TensorFlow with CUDA
    ),
    "openvino": (("openvino==2026.4.1", "nncf==3.4.0"),),
}
"""Environment -> what pip is told to install, call by call."""


def python_of(environment: str, cache: Path) -> str:
    """The interpreter of an environment, which is installed first where it is missing."""
    if environment == "octavo":
        return sys.executable
    folder = cache / "environments" / environment
    python, stamp = folder / "bin" / "python", folder / "installed.json"
    wanted = json.dumps(REQUIREMENTS[environment])
    if not stamp.is_file() or stamp.read_text() != wanted:
        print(f"Installing {environment} into {folder} (a few minutes the first time) ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        for packages in REQUIREMENTS[environment]:
            command = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install", *packages]
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        stamp.write_text(wanted)
    return str(python)
