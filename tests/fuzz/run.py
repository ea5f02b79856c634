"""Fuzz one parser, guided by coverage: `python -m fuzz.run language -max_total_time=60` in the folder tests.

The targets are in targets.py; flags are libFuzzer's. A fault ends the run with a traceback and a file crash-*, which
`python -m fuzz.run language crash-...` runs again.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["octavo", "google.protobuf"]):
    from fuzz.targets import SEEDS, TARGETS, TOKENS

LIMITS = ("-timeout=20", "-rss_limit_mb=4096", "-max_len=4096", "-print_final_stats=1")


def main() -> None:
    """Fuzz the target that the first argument names."""
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: python -m fuzz.run {{{','.join(TARGETS)}}} [FLAGS OF LIBFUZZER]")
    name = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="octavo-corpus-") as folder:
        for number, seed in enumerate(SEEDS[name]):
            Path(folder, f"seed-{number}").write_bytes(seed)
        words = Path(folder, "tokens.dict")
        words.write_text("".join(f'"{_escaped(token)}"\n' for token in TOKENS[name]))
        given = sys.argv[2:]
        corpus = [] if any(not flag.startswith("-") for flag in given) else [folder]
        TARGETS[name](SEEDS[name][0])  # imports TensorFlow, where it is needed, before there is a limit on time
        atheris.Setup([sys.argv[0], *LIMITS, f"-dict={words}", *given, *corpus], TARGETS[name])
        atheris.Fuzz()


def _escaped(token: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in token)


if __name__ == "__main__":
    main()
