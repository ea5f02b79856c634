"""The figures of a quantization, made by hand."""

from __future__ import annotations

import json
from typing import Any

NODES = {"quantized": {"INT8": 1, "FP32": 0}, "fp32_nodes": [], "other_fp32_ops": {}}


def result(**fields: Any) -> str:
    """The text of a summary.json, with what is said and the least otherwise."""
    document = {
        "octavo": "0.1.0",
        "model": None,
        "top1": None,
        "top5": None,
        "bytes": {"fp32": 4, "int8": 1},
        "images_per_second": {},
        **NODES,
        "tolerance": 1.0,
        "accepted": None,
        "sha256": "",
        "recipe": {},
    }
    return json.dumps(document | fields)
