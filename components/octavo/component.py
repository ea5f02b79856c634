"""What makes a function a KFP component of octavo's: its image, and how a pod starts it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from octavo.image import IMAGE

RUNNING = "_KFP_RUNTIME"
"""KFP's own variable, "true" in pods: components are plain functions there, and of kfp only what runs them is there."""

COMMAND = ("python3", "-m", "octavo.pod", "--instead-of=kfp.dsl.executor_main")
"""How a pod starts: see `octavo.pod`. By its own program's name kfp.local.SubprocessRunner knows what it can run."""


def component(function: Callable[..., Any]) -> Any:
    """A decorator: the function as a component that runs in octavo's image, which has it, and installs nothing.

    So a pod's command names the function; KFP's own would carry its source.
    """
    if os.environ.get(RUNNING) == "true":
        return function
    from kfp import dsl

    made = dsl.component(function, base_image=IMAGE, install_kfp_package=False)
    made.component_spec.implementation.container.command = list(COMMAND)
    return made
