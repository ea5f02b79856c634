import pytest

from octavo.report.wording import file_size, points, size_change, verdict_reason
from report_inputs import ReportInputs


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
