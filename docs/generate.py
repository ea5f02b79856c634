"""Write what the documentation takes from the code: `make docs`.

README.md's tables, the rooms of docs/architecture.md, components/README.md and docs/images/pipeline.svg; a test fails
when they are not what this writes.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from catalogue import catalogue
from field_tables import sections
from page_parts import in_sections
from picture import draw
from rooms import room_table

ROOT = Path(__file__).resolve().parents[1]


def generated() -> dict[Path, str]:
    """File -> its text."""
    compiled = ROOT / "pipelines" / "quantize_int8" / "pipeline.yaml"
    pipeline, _ = yaml.safe_load_all(compiled.read_text(encoding="utf-8"))
    steps = yaml.safe_load((ROOT / "charts" / "octavo" / "files" / "steps.yaml").read_text(encoding="utf-8"))["steps"]
    readme = ROOT / "README.md"
    architecture = ROOT / "docs" / "architecture.md"
    return {
        readme: in_sections(readme.read_text(encoding="utf-8"), sections(pipeline)),
        architecture: in_sections(architecture.read_text(encoding="utf-8"), {"rooms": room_table()}),
        ROOT / "components" / "README.md": catalogue(),
        ROOT / "docs" / "images" / "pipeline.svg": draw(steps),
    }


if __name__ == "__main__":
    for file, text in generated().items():
        file.write_text(text, encoding="utf-8")
