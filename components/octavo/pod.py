"""What a pod of Kubeflow's runs: one component, by KFP's executor, with a log that a person reads.

    python3 -m octavo.pod --function_to_execute calibrate --executor_input '{"inputs": ..., "outputs": ...}'

KFP's own program prints its whole input first and a traceback last. Here the log holds what the component says, and
bad input ends in one sentence, wrapped for the narrow window of the user interface, as the last lines.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import textwrap
import warnings

from octavo.component import RUNNING
from octavo.errors import OctavoError
from octavo.notes import shown
from octavo.runtime.supervisor import supervise

WIDTH = "OCTAVO_LOG_WIDTH"
"""The variable with the columns that a sentence is wrapped at; 0 leaves it on one line."""

COLUMNS = 75
"""What the window for logs in Kubeflow's user interface shows of a line."""


def main() -> None:
    """Run the component; bad input ends with exit status 2, as on octavo's command line."""
    supervise()
    parser = argparse.ArgumentParser("octavo.pod")
    parser.add_argument("--function_to_execute", required=True)
    parser.add_argument("--executor_input", required=True, type=json.loads)
    given, _ = parser.parse_known_args()
    os.environ[RUNNING] = "true"
    _quiet()
    try:
        with shown():
            _execute(given.function_to_execute, given.executor_input)
    except OctavoError as fault:
        sys.stdout.flush()
        sys.stderr.write(wrapped(f"octavo: error: {fault}", int(os.environ.get(WIDTH, COLUMNS))) + "\n")
        sys.exit(2)


def wrapped(text: str, columns: int) -> str:
    """The text with its lines wrapped between words; a longer word, such as a URI, stays whole. 0 changes nothing."""
    if not columns:
        return text
    return "\n".join(
        textwrap.fill(line, columns, break_long_words=False, break_on_hyphens=False) for line in text.splitlines()
    )


def _quiet() -> None:
    """Keep back what libraries warn of: the user of a component can do nothing about it."""
    logging.getLogger().setLevel(logging.ERROR)
    warnings.simplefilter("ignore")


def _execute(name: str, executor_input: dict[str, object]) -> None:
    from kfp.dsl.executor import Executor

    from octavo import components

    Executor(executor_input=executor_input, function_to_execute=getattr(components, name)).execute()


if __name__ == "__main__":
    main()
