import io

from rich.console import Console

from octavo.documents.result import Result
from octavo.report.table import table
from report_inputs import ReportInputs, verdict


def shown(result: Result) -> str:
    file = io.StringIO()
    Console(width=100, file=file).print(table(result))
    return file.getvalue()


def test_accuracy_size_and_speed_are_rows(inputs: ReportInputs) -> None:
    text = shown(inputs.write())
    assert "98.00 %" in text
    assert "-1.00 points, 2 answers differ" in text
    assert "images/s, batch 32" in text
    assert "2.50x the speed" in text
    assert "1 Softmax" in text


def test_without_validation_data_the_table_says_so(inputs: ReportInputs) -> None:
    inputs.int8_evaluation = None
    assert "not measured: no validation data" in shown(inputs.write())


def test_the_first_fp32_nodes_are_listed_and_the_rest_counted(inputs: ReportInputs) -> None:
    inputs.decisions["nodes"] = [verdict(f"conv{n}", "Conv2D", f"reason {n}") for n in range(7)]
    text = shown(inputs.write())
    assert "stayed FP32: Conv2D conv4: reason 4" in text
    assert "conv5" not in text
    assert "... and 2 more" in text


def test_names_that_look_like_markup_are_shown_as_they_are(inputs: ReportInputs) -> None:
    inputs.decisions["nodes"] = [verdict("a[/b]:smile:", "Conv2D", "its shape is [red]")]
    assert "Conv2D a[/b]:smile:: its shape is [red]" in shown(inputs.write())
