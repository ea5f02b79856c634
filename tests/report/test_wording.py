import pytest

from octavo.report.wording import file_size, points, size_change, verdict_reason, verdict_text
from report_inputs import ReportInputs, timings


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"), (999, "999 bytes"), (1000, "1.00 kB"), (9_999, "10.0 kB"), (98_955, "99.0 kB"),
        (99_999, "100 kB"), (332_516, "333 kB"), (17_115_211, "17.1 MB"), (2 * 10**9, "2.00 GB"),
    ],
)  # fmt: skip
def test_sizes_have_three_digits(count: int, text: str) -> None:
    assert file_size(count) == text


def test_differences_have_a_sign() -> None:
    assert [points(d) for d in (-0.1, 0.25, 0.0)] == ["-0.10 points", "+0.25 points", "no difference"]


def test_a_larger_file_is_said_to_be_larger() -> None:
    assert size_change(400, 100) == "4.0x smaller"
    assert size_change(100, 250) == "2.5x larger"


@pytest.mark.parametrize(
    ("right", "words"),
    [(97, "fell by 1.00 points, from 98.00 % to 97.00 %"), (99, "rose by 1.00 points"), (98, "did not change, from")],
)
def test_the_reason_says_which_way_it_went(inputs: ReportInputs, right: int, words: str) -> None:
    assert inputs.int8_evaluation is not None
    inputs.int8_evaluation["correct1"] = right
    assert words in verdict_reason(inputs.write())


def test_the_verdict_is_five_lines_of_markdown(inputs: ReportInputs) -> None:
    text = verdict_text(inputs.write())

    assert text.isascii()
    assert text.splitlines() == [
        "**Accepted: the INT8 model is accurate enough**  ",
        "Top-1: 98.00 % to 97.00 % (-1.00 points; may lose 1 point of top-1)  ",
        "Same answers as FP32: 98.00 % of 100 images  ",
        "Speed: 1.25x at batch 1, 2.50x at batch 32  ",
        "File: 2.2x smaller, 1 of 1 nodes in INT8",
    ]


def test_what_was_not_measured_is_said_in_the_verdict(inputs: ReportInputs) -> None:
    inputs.fp32_evaluation = inputs.int8_evaluation = inputs.benchmark = None
    lines = verdict_text(inputs.write()).splitlines()

    assert lines[0] == "**Accuracy was not measured**  "
    assert [line for line in lines if "not measured" in line] == lines[:4]


def test_the_verdict_on_one_batch_size_names_it_once(inputs: ReportInputs) -> None:
    inputs.benchmark = timings({4: 2.0}, fixed_batch=4)

    assert "Speed: 2.00x at batch 4  " in verdict_text(inputs.write()).splitlines()
