"""`python -m cluster up` and `down`: `make cluster` and `make cluster-down`."""

from __future__ import annotations

import argparse
import sys

from cluster.home import home
from cluster.node import down, up
from cluster.octavo_image import give_octavo
from cluster.processes import NoClusterError
from cluster.workflows import install_argo


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m cluster", description=__doc__)
    parser.add_argument("what", choices=["up", "down"])
    options = parser.parse_args()
    place = home()
    try:
        if options.what == "down":
            down(place)
            return
        up(place)
        install_argo(place)
        give_octavo(place)
    except NoClusterError as fault:
        sys.exit(f"error: {fault}")
    print(f"The cluster is ready: export KUBECONFIG={place.kubeconfig}")


if __name__ == "__main__":
    main()
