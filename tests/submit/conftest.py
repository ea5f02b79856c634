"""The servers that the command talks to."""

from desk import cluster, host, run, state

__all__ = ["cluster", "host", "run", "state"]
