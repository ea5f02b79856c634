import hashlib
import json
import math
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from octavo.documents.result import Result
from octavo.errors import DataError, GraphError
from octavo.ranges.log_records import format_examples
from octavo.report.report import write_report
from octavo.report.table import table
from report_inputs import ReportInputs, timings, verdict
from whole_logs import whole


def test_the_figures_of_a_whole_run(inputs: ReportInputs) -> None:
    result = inputs.write()
    assert result.top1 is not None
    assert (result.top1.fp32, result.top1.int8, result.top1.difference) == (98.0, 97.0, -1.0)
    assert (result.top1.flips, result.top1.images) == (2, 100)
    assert result.top5 is not None
    assert result.top5.int8 == 100.0
    assert result.images_per_second["32"].ratio == 2.5
    assert (result.quantized.INT8, result.quantized.FP32) == (1, 0)
    assert result.other_fp32_ops == {"Softmax": 1}
    assert result.model is not None
    assert result.model["uri"] == "s3://models/digits/model"
    assert result.sha256 == hashlib.sha256((inputs.folder / "int8.pb").read_bytes()).hexdigest()
    assert result.bytes.int8 == (inputs.folder / "int8.pb").stat().st_size


def test_the_json_holds_the_same_figures(inputs: ReportInputs) -> None:
    result = inputs.write()
    document = json.loads((inputs.folder / "summary.json").read_text())
    assert Result.model_validate(document) == result
    assert document["quantized"] == {"INT8": 1, "FP32": 0}
    assert set(document["bytes"]) == {"fp32", "int8"}


def test_the_same_inputs_give_the_same_bytes(inputs: ReportInputs) -> None:
    inputs.write()
    files = [inputs.folder / name for name in ("report.html", "summary.json")]
    first = [file.read_bytes() for file in files]
    inputs.write()
    assert [file.read_bytes() for file in files] == first


@pytest.mark.parametrize(("tolerance", "accepted"), [(0.99, False), (1.0, True), (2.0, True)])
def test_a_drop_of_exactly_the_tolerance_is_accepted(inputs: ReportInputs, tolerance: float, accepted: bool) -> None:
    inputs.tolerance = tolerance
    assert inputs.write().accepted is accepted


@pytest.mark.parametrize("missing", ["fp32_evaluation", "int8_evaluation"])
def test_without_validation_data_nothing_is_accepted_or_refused(inputs: ReportInputs, missing: str) -> None:
    setattr(inputs, missing, None)
    result = inputs.write()
    assert (result.top1, result.top5, result.accepted) == (None, None, None)
    assert "Accuracy was not measured" in inputs.page


def test_without_benchmark_and_model_record_the_rest_is_there(inputs: ReportInputs) -> None:
    inputs.benchmark = inputs.model = None
    result = inputs.write()
    assert result.images_per_second == {}
    assert result.model is None
    assert "Not measured." in inputs.page


def test_a_node_that_was_to_be_int8_but_still_computes_in_float_counts_as_fp32(inputs: ReportInputs) -> None:
    inputs.int8_graph = inputs.int8_graph.replace("_QuantizedMatMul", "MatMul").replace("T1=qint8", "T=float32")
    result = inputs.write()
    assert (result.quantized.INT8, result.quantized.FP32) == (0, 1)
    assert "no INT8 kernel took it in" in result.fp32_nodes[0].reason
    assert result.fp32_nodes[0].reason in inputs.page


def test_fp32_nodes_come_with_their_reasons(inputs: ReportInputs) -> None:
    inputs.decisions["nodes"].append(verdict("conv7", "Conv2D", "BiasAdd feeds 2 nodes (add_3, concat)"))
    inputs.decisions["nodes"][-1]["way_out"] = "name one output"
    result = inputs.write()
    assert result.fp32_nodes[0].way_out == "name one output"
    assert "To change it: name one output" in inputs.page
    assert [(node.name, node.op) for node in result.fp32_nodes] == [("conv7", "Conv2D")]
    assert "BiasAdd feeds 2 nodes (add_3, concat)" in inputs.page


METRICS = {
    "accepted": 1,
    "top1_fp32": 98.0,
    "top1_int8": 97.0,
    "same_answers": 98.0,
    "speedup_b1": 1.25,
    "speedup_b32": 2.5,
    "int8_per_second_b1": 1250.0,
    "int8_per_second_b32": 2500.0,
    "int8_share": 100.0,
}


def test_the_metrics_are_ten_with_names_that_the_user_interface_shows_whole(inputs: ReportInputs) -> None:
    metrics = inputs.write().metrics()
    sizes = [(inputs.folder / name).stat().st_size for name in ("fp32.pb", "int8.pb")]

    assert metrics == METRICS | {"smaller": round(sizes[0] / sizes[1], 3)}
    assert max(map(len, metrics)) <= 22


def test_what_was_not_measured_is_no_metric(inputs: ReportInputs) -> None:
    inputs.fp32_evaluation = inputs.int8_evaluation = inputs.benchmark = None

    assert inputs.write().metrics().keys() == {"smaller", "int8_share"}


def test_of_many_batch_sizes_the_smallest_and_the_largest_are_metrics(inputs: ReportInputs) -> None:
    inputs.benchmark = timings({64: 3.0, 8: 2.0, 16: 2.5})
    metrics = inputs.write().metrics()

    assert len(metrics) <= 10
    assert {name for name in metrics if name.startswith("speedup")} == {"speedup_b8", "speedup_b64"}


def test_the_metrics_are_finite_numbers(inputs: ReportInputs) -> None:
    assert all(math.isfinite(value) for value in inputs.write().metrics().values())


def test_evaluations_of_different_images_are_not_compared(inputs: ReportInputs) -> None:
    assert inputs.int8_evaluation is not None
    inputs.int8_evaluation |= {"images": 99, "predictions": inputs.int8_evaluation["predictions"][:99]}
    with pytest.raises(DataError, match="on 100 images and the INT8 graph on 99"):
        inputs.write()


@pytest.mark.parametrize(
    ("field", "wrong", "message"),
    [
        pytest.param(
            "decisions", {"nodes": []}, "not what quantize_graph writes: recipe: Field required", id="decisions"
        ),
        pytest.param("benchmark", {"batches": 3}, "not what benchmark writes: batches", id="benchmark"),
    ],
)
def test_a_document_of_another_kind_is_named_and_nothing_is_written(
    inputs: ReportInputs, field: str, wrong: dict[str, Any], message: str
) -> None:
    setattr(inputs, field, wrong)
    with pytest.raises(GraphError, match=message):
        inputs.write()
    assert not (inputs.folder / "report.html").exists()
    assert not (inputs.folder / "summary.json").exists()


def test_a_graph_file_that_is_missing_is_named(inputs: ReportInputs) -> None:
    inputs.write()
    with pytest.raises(GraphError, match=r"nowhere\.pb' cannot be read: No such file"):
        write_report(
            summary=inputs.folder / "inputs.json",
            decisions=inputs.folder / "decisions.json",
            fp32_evaluation=None,
            int8_evaluation=None,
            benchmark=None,
            fp32_graph=inputs.folder / "nowhere.pb",
            int8_graph=inputs.folder / "int8.pb",
            model=None,
            tolerance=1.0,
            html=inputs.folder / "report.html",
            summary_json=inputs.folder / "summary.json",
        )


def test_examples_that_are_missing_from_the_calibration_are_stated(inputs: ReportInputs) -> None:
    inputs.decisions["recipe"]["calibration"] = {"algorithm": "kl"}
    inputs.log = inputs.folder / "log.txt"
    inputs.log.write_text("\n".join(whole(format_examples(0, 480), format_examples(480, 500, missing=True))))
    calibrated = inputs.write().calibrated
    assert (calibrated.examples, calibrated.missing) == (500, 20)
    page = " ".join((inputs.folder / "report.html").read_text().split())
    assert "taken from 480 of 500 examples: 20 are missing, those of shards that failed" in page
    assert "by kl." in page


def test_the_ranges_are_part_of_the_figures(inputs: ReportInputs) -> None:
    result = inputs.write()
    assert result.calibrated.examples is None
    assert all(low < high for low, high in result.calibrated.ranges.values())
    assert result.calibrated.ranges


@pytest.mark.parametrize(
    ("broken", "what"),
    [
        ("octavo.report.page.speed_chart", "the chart of speeds"),
        ("octavo.report.page.ops_chart", "the chart of op types"),
        ("octavo.report.page.ranges_chart", "the chart of ranges"),
        ("octavo.report.report.ranges", "the calibrated ranges"),
        ("octavo.report.report.render", "its page"),
    ],
)
def test_what_cannot_be_drawn_costs_nothing_else_and_is_said(
    inputs: ReportInputs, monkeypatch: pytest.MonkeyPatch, broken: str, what: str
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("no fonts <here>\nand more")

    monkeypatch.setattr(broken, fails)
    result = inputs.write()
    assert result.missing == (f"The report lacks {what}: no fonts <here>",)
    assert result.accepted
    assert json.loads((inputs.folder / "summary.json").read_text())["missing"] == list(result.missing)
    assert f"The report lacks {what}: no fonts &lt;here&gt;" in inputs.page
    assert "Accepted" in inputs.page
    assert f"The report lacks {what}" in printed(result)


def test_graphs_that_could_not_be_timed_are_reported_all_the_same(inputs: ReportInputs) -> None:
    inputs.benchmark = {"missing": "the process was killed: out of memory"}
    result = inputs.write()
    assert result.missing == ("The report lacks the speeds: the process was killed: out of memory",)
    assert result.images_per_second == {}
    assert "the process was killed: out of memory" in inputs.page


def test_a_float_graph_that_only_guesses_is_never_accepted(inputs: ReportInputs) -> None:
    for evaluation in (inputs.fp32_evaluation, inputs.int8_evaluation):
        assert evaluation is not None
        evaluation |= {"correct1": 10, "at_chance": True}
    result = inputs.write()
    assert result.accepted is False
    assert "Not accepted: the FP32 model itself answers at chance" in inputs.page
    assert "FP32 names 10.00 % of 100 images rightly, no more than guessing would" in inputs.page
    assert "check the preprocessing first" in printed(result)


def printed(result: Result) -> str:
    """The table as a wide terminal shows it."""
    console = Console(width=300, record=True, file=StringIO())
    console.print(table(result))
    return console.export_text()
