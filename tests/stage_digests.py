"""What each stage makes of real models, as digests: `.venv/bin/python tests/stage_digests.py` writes them anew.

A digest is of the graph's text without the values of its floats, which differ between processors in their last bits:
nodes, ops, inputs, attributes, and the shapes and dtypes of constants.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from octavo.freeze_graph.freeze import frozen_model
from octavo.graph import Graph
from octavo.graph.text import to_text
from octavo.quantize_graph.quantize import quantize
from octavo.ranges.log_records import counted
from octavo.recipe import Recipe, Target
from octavo.transform_graph import stages
from octavo.transform_graph.transform import transform

ROOT = Path(__file__).resolve().parents[1]

FILE = Path(__file__).parent / "quantize" / "stages.json"

QUICKSTART = ROOT / "pipelines" / "quantize_int8" / "quickstart" / "model"

OUTPUTS = {
    "mobilenet_v1_1.0_224.pb": "MobilenetV1/Predictions/Softmax",
    "efficientnet_lite0_checkpoint": "predict",
    "squeezenet_v1.1.pb": "predict",
    "cifar10_resnet20.pb": "predict",
}
"""Shared model -> its output."""

TARGETS: tuple[Target, ...] = ("fused", "public")


def stages_of(model: Path, output: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Stage -> the digest of what it makes of a model; ranges are made of the nodes' names."""
    graph = frozen_model(model, input_names=("input",), output_names=(output,)).graph.with_ends(("input",), (output,))
    fp32 = transform(graph, stages.OPTIMIZE)
    yield "fp32", digest(fp32)
    for target in TARGETS:
        recipe = Recipe(target=target)
        dynamic, decisions = quantize(fp32, recipe)
        yield f"{target}/dynamic", digest(dynamic)
        yield (
            f"{target}/decisions",
            _short(repr([(each.name, each.verdict, each.rule, each.reason) for each in decisions])),
        )
        log = _log(dynamic, folder / "log.txt")
        ranged = transform(dynamic, stages.freeze_ranges(log, recipe)[:1])
        yield f"{target}/int8", digest(transform(ranged, stages.fuse(recipe)))


def digest(graph: Graph) -> str:
    """The nodes' count, and a checksum of the text without the values of tensors."""
    text = re.sub(r"(=\w+<[\d,]*>)\[[^\]]*\]", r"\1", to_text(graph))
    return f"{len(graph.nodes)} {_short(text)}"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _log(dynamic: Graph, file: Path) -> Path:
    """A log with a range for each node that measures one."""
    names = [node.name for node in dynamic.nodes.values() if node.op == "RequantizationRange"]
    widths = [1 + int(_short(name)[:4], 16) / 2**14 for name in names]
    pairs = zip(names, widths, strict=True)
    file.write_text("".join(counted(f";{name}__print__;__requant_min_max:[{-w:.6g}][{w:.6g}]\n" for name, w in pairs)))
    return file


def main() -> None:
    data = Path(os.environ.get("OCTAVO_TEST_DATA") or ROOT.parent / "shared" / "data")
    models = {"quickstart": (QUICKSTART, "predict")}
    models |= {name: (data / "models" / name, output) for name, output in OUTPUTS.items()}
    with tempfile.TemporaryDirectory() as folder:
        found = {name: dict(stages_of(*each, Path(folder))) for name, each in models.items()}
    FILE.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
