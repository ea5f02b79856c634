"""The host's side of the pods' network: a bridge, and traffic over it that a firewall lets pass."""

from __future__ import annotations

import subprocess

from cluster.home import ADDRESS

BRIDGE = "kb0"

SETTINGS = {
    "net.ipv4.ip_forward": 1,
    "net.bridge.bridge-nf-call-iptables": 1,  # services' addresses are rewritten on the bridge
    "fs.inotify.max_user_instances": 1024,  # each pod takes some
}


def make_network() -> None:
    """Make the bridge. A container engine beside it may have set FORWARD to DROP: the bridge is let through."""
    if not _works("ip", "link", "show", BRIDGE):
        _works("ip", "link", "add", BRIDGE, "type", "bridge")
    _works("ip", "address", "replace", f"{ADDRESS}/24", "dev", BRIDGE)
    _works("ip", "link", "set", BRIDGE, "up")
    for name, value in SETTINGS.items():
        _works("sysctl", "-qw", f"{name}={value}")
    for rule in _rules("-C"):
        if not _works(*rule):
            _works(*[word.replace("-C", "-I") for word in rule])


def remove_network() -> None:
    """Take the bridge and its rules away."""
    for rule in _rules("-D"):
        _works(*rule)
    _works("ip", "link", "delete", BRIDGE)


def _rules(verb: str) -> list[list[str]]:
    return [
        [table, verb, "FORWARD", side, BRIDGE, "-j", "ACCEPT"]
        for table in ("iptables-nft", "iptables-legacy")
        for side in ("-i", "-o")
    ]


def _works(*command: str) -> bool:
    """Whether a command succeeds; a kernel without one of the tables is no fault."""
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
