"""The quick start's files, and run.py as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PIPELINE = Path(__file__).parents[1] / "pipelines" / "quantize_int8"

PUBLISHED_FILES = {"decisions.json", "int8.pb", "report.html", "summary.json"}
"""What a run leaves in its target, and nothing else."""


@dataclass(frozen=True)
class Quickstart:
    """The quick start's model and data."""

    model: Path
    calibration: Path
    validation: Path

    def flags(self, **others: object) -> list[str]:
        """The flags of `octavo quantize` for these data, some replaced or added."""
        flags = {"calibration": self.calibration, "validation": self.validation, "preprocessing": "unit", **others}
        return [f"--{name}={value}" for name, value in flags.items()]


QUICKSTART = Quickstart(
    PIPELINE / "quickstart" / "model",
    PIPELINE / "quickstart" / "calibration.npz",
    PIPELINE / "quickstart" / "validation.npz",
)


def run_pipeline(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run pipeline.yaml through run.py."""
    return subprocess.run(
        [sys.executable, PIPELINE / "run.py", *arguments],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
