"""What the stores' clients are told: octavo's own settings first, then the variables that others read as well.

In a pod of Kubeflow's the launcher, which fetches and stores artifacts, reads the same environment for its keys.
So a Secret's entries reach octavo as files, and what the chart's values say as variables that begin with OCTAVO_.
"""

from __future__ import annotations

import os
from pathlib import Path

PREFIX = "OCTAVO_"

FOLDER = "OCTAVO_STORE_FOLDER"
"""The variable that names another folder of settings than `MOUNTED`."""

MOUNTED = "/var/run/octavo/object-store"
"""Where pods have the Secret of the object store, each entry a file."""


def setting(name: str) -> str | None:
    """A setting's text by its name, such as AWS_REGION; what is blank counts as not set."""
    return own_setting(name) or os.environ.get(name, "").strip() or None


def own_setting(name: str) -> str | None:
    """The same, where it is told to octavo alone: by OCTAVO_AWS_REGION, or by a file of that name in the folder."""
    given = os.environ.get(PREFIX + name, "").strip()
    return given or _in_folder(name) or None


def _in_folder(name: str) -> str:
    """The file's text; none where there is no such file, or none that is text."""
    try:
        return Path(os.environ.get(FOLDER) or MOUNTED, name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
