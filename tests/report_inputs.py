"""What the steps before the report write, small and made by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from octavo.documents.evaluation import Evaluation
from octavo.documents.result import Result
from octavo.graph import save_graph
from octavo.graph.text import parse_graph
from octavo.report.report import write_report
from written import source, summary

FP32_GRAPH = """
input = Placeholder() dtype=float32 shape=<?,4>
w = Const() value=float32<4,100>[0.5]
fc = MatMul(input, w) T=float32
predict = Softmax(fc) T=float32
"""

INT8_GRAPH = """
input = Placeholder() dtype=float32 shape=<?,4>
low = Const() value=float32<>[-1.5]
high = Const() value=float32<>[2.25]
fc_eightbit_quantize_input = QuantizeV2(input, low, high) T=qint8
w = Const() value=qint8<4,100>[1]
fc = _QuantizedMatMul(fc_eightbit_quantize_input, w) T1=qint8 Tout=float32
predict = Softmax(fc) T=float32
"""

SUMMARY = summary(
    ["input"],
    ["predict"],
    inputs=[source("input", "float32", [None, 4]), source("keep_probability", "float32", [], likely=False)],
    outputs=[{"name": "predict", "op": "Softmax", "likely": True, "taken": True, "reason": "", "unread": True}],
    variable_parameters=1234,
).model_dump(mode="json")

MACHINE = {
    "cpu": "Some CPU",
    "cores": 2,
    "int8_instructions": ["AVX512-VNNI"],
    "tensorflow": "2.21.0",
    "onednn": True,
    "threads": 2,
}

MODEL = {
    "uri": "s3://models/digits/model",
    "kind": "graph_and_checkpoint",
    "graph": "files/graph.pbtxt",
    "checkpoint": "files/model.ckpt",
    "files": [{"path": "files/graph.pbtxt", "bytes": 52988, "sha256": "ab" * 32}],
}


def verdict(name: str, op: str, reason: str | None = None) -> dict[str, Any]:
    """An entry of decisions.json: INT8 where there is no reason for FP32."""
    kind = "missed" if reason else None
    return {"name": name, "op": op, "verdict": "FP32" if reason else "INT8", "kind": kind, "reason": reason}


def evaluation(predictions: list[int], labels: list[int]) -> dict[str, Any]:
    """What evaluate writes."""
    right = sum(p == label for p, label in zip(predictions, labels, strict=True))
    return measured(right, len(labels), predictions).model_dump(mode="json")


def measured(right: int, images: int = 1000, predictions: Sequence[int] = (0,)) -> Evaluation:
    """The accuracy of a graph that knows ten classes, so that each label is among its best five or may be."""
    return Evaluation(
        images=images,
        classes=10,
        top1=100 * right / max(images, 1),
        top5=100,
        correct1=right,
        correct5=images,
        predictions=list(predictions),
        label_offset=0,
        batch_size=10,
        seconds=1,
        output="predict",
        outputs=1,
        rivals=[],
    )


def speed(rate: float) -> dict[str, Any]:
    """One graph's speed."""
    quartiles = [0.98 * rate, 1.02 * rate]
    return {
        "images_per_second": rate,
        "images_per_second_quartiles": quartiles,
        "latency_ms_p50": 1.0,
        "latency_ms_p90": 1.5,
        "runs": 100,
    }


def timings(ratios: dict[int, float], fixed_batch: int | None = None) -> dict[str, Any]:
    """What benchmark writes: INT8's speed over FP32's by batch size."""
    batches = [
        {
            "batch": batch,
            "fp32": speed(1000.0),
            "int8": speed(1000.0 * ratio),
            "ratio": ratio,
            "ratio_quartiles": [0.98 * ratio, 1.02 * ratio],
        }
        for batch, ratio in ratios.items()
    ]
    settings = {"fixed_batch": fixed_batch, "rounds": 6, "seconds": 0.5, "in_caller": False}
    return {"batches": batches, **settings, "machine": MACHINE}


class ReportInputs:
    """The files that the report reads, in a folder; each document is an attribute, and None leaves its file out."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        labels = [n % 10 for n in range(100)]
        self.log: Path | None = None
        self.decisions: dict[str, Any] = {"recipe": {"per_channel": True}, "nodes": [verdict("fc", "MatMul")]}
        self.fp32_evaluation: dict[str, Any] | None = evaluation([*labels[:98], 0, 0], labels)
        self.int8_evaluation: dict[str, Any] | None = evaluation([*labels[:97], 0, 0, 1], labels)
        self.benchmark: dict[str, Any] | None = timings({1: 1.25, 32: 2.5})
        self.model: dict[str, Any] | None = MODEL
        self.int8_graph = INT8_GRAPH
        self.tolerance = 1.0

    @property
    def page(self) -> str:
        """The page that was written."""
        return (self.folder / "report.html").read_text(encoding="ascii")

    def write(self) -> Result:
        """Write the files and the report."""
        for name, text in (("fp32.pb", FP32_GRAPH), ("int8.pb", self.int8_graph)):
            save_graph(parse_graph(text), self.folder / name)
        (self.folder / "model").mkdir(exist_ok=True)
        self._save("model/model.json", self.model)
        return write_report(
            summary=self._existing("inputs.json", SUMMARY),
            decisions=self._existing("decisions.json", self.decisions),
            fp32_evaluation=self._save("fp32_evaluation.json", self.fp32_evaluation),
            int8_evaluation=self._save("int8_evaluation.json", self.int8_evaluation),
            benchmark=self._save("benchmark.json", self.benchmark),
            fp32_graph=self.folder / "fp32.pb",
            int8_graph=self.folder / "int8.pb",
            model=self.folder / "model",
            tolerance=self.tolerance,
            html=self.folder / "report.html",
            summary_json=self.folder / "summary.json",
            log=self.log,
        )

    def _save(self, name: str, document: dict[str, Any] | None) -> Path | None:
        return None if document is None else self._existing(name, document)

    def _existing(self, name: str, document: dict[str, Any]) -> Path:
        path = self.folder / name
        path.write_text(json.dumps(document))
        return path
