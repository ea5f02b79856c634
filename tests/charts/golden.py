"""Render the golden manifests anew: `make chart`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helm_chart import CHART, GOLDEN, GOLDEN_NAMES, Helm, find_helm, golden_text, with_values  # of the folder above


def main() -> None:
    program = find_helm()
    assert program is not None, "no helm: run `make chart`"
    GOLDEN.mkdir(exist_ok=True)
    for name in GOLDEN_NAMES:
        values = CHART / "ci" / f"{name}-values.yaml"
        (GOLDEN / f"{name}.yaml").write_text(golden_text(Helm(program).render(with_values(values))))


if __name__ == "__main__":
    main()
