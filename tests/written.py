"""What steps write, made by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from octavo.documents.summary import Summary

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


def summary(input_names: Sequence[str] = ("image",), output_names: Sequence[str] | None = (), **fields: Any) -> Summary:
    """A model's summary of which nothing is known but the names of its inputs and outputs, and what is said."""
    document: dict[str, Any] = {
        "model": "g.pb",
        "kind": "frozen_graph",
        "known_inputs": input_names,
        "known_outputs": output_names,
        "input_names": input_names,
        "output_names": output_names,
        "signature": None,
    }
    document |= dict.fromkeys(("nodes", "functions", "control_edges", "const_parameters", "variable_parameters"), 0)
    document |= dict.fromkeys(("inputs", "outputs", "variables", "unsettled", "notes"), ())
    document |= {key: {} for key in ("parameter_bytes", "flops", "devices", "ops", "signatures")}
    return Summary.model_validate(document | fields)


def source(name: str, dtype: str, shape: Sequence[int | None], **fields: Any) -> dict[str, Any]:
    """An input in such a summary."""
    told = {"op": "Placeholder", "likely": True, "taken": True, "reason": "", "shape_text": ""}
    return {"name": name, "dtype": dtype, "shape": shape, **told, **fields}
