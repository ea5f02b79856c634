"""Render the golden manifests anew: `make chart`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helm_chart import CI_VALUES, GOLDEN, Helm, find_helm, golden_text, with_values  # of the folder above


def main() -> None:
    program = find_helm()
    assert program is not None, "no helm: run `make chart`"
    GOLDEN.mkdir(exist_ok=True)
    for file in CI_VALUES:
        text = golden_text(Helm(program).render(with_values(file)))
        (GOLDEN / file.name.replace("-values", "")).write_text(text)


if __name__ == "__main__":
    main()
