"""Look the images' packages up in a database of known vulnerabilities: `make audit`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().with_name("requirements")

UNANSWERED = ("Dependency not found on PyPI", "ConnectionError", "ServiceError", "Max retries", "Failed to connect")
"""How pip-audit says that its service did not answer for a package."""

UNKNOWN = "error: the vulnerability service did not answer, so nothing is known: run this where it can be reached\n"


def audit(names: tuple[str, ...] = ("light", "tensorflow")) -> tuple[int, str]:
    """Run pip-audit on the locked requirements, without installing them.

    Args:
        names: which files of requirements/.

    Returns:
        The exit status, 0 where every package was looked up and none is known to be vulnerable; and what to print.
    """
    flags = ["--strict", "--disable-pip", "--require-hashes", "--progress-spinner=off"]
    files = [f"--requirement={REQUIREMENTS / name}.txt" for name in names]
    command = [sys.executable, "-P", "-m", "pip_audit", *flags, *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, with_reason(done.returncode, done.stdout + done.stderr)


def with_reason(status: int, said: str) -> str:
    """What pip-audit said, and whether it failed because its service did not answer."""
    unanswered = status and any(words in said for words in UNANSWERED)
    return said + UNKNOWN if unanswered else said


if __name__ == "__main__":
    status, text = audit()
    sys.stdout.write(text)
    sys.exit(status)
