"""The container image that every component runs in, named once."""

from octavo import __version__

IMAGE = f"octavo/octavo:{__version__}"
"""Without a registry's host: a cluster's mirror, or the tool that installs the pipeline, puts its own before."""
