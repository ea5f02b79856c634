import pytest

from octavo.documents.decisions import Decisions
from octavo.errors import DataError
from octavo.report import figures
from report_inputs import measured, verdict


@pytest.mark.parametrize(("fp32", "int8", "difference"), [(989, 988, -0.1), (987, 989, 0.2), (500, 500, 0.0)])
def test_the_difference_comes_from_counts_not_from_rounded_percentages(fp32: int, int8: int, difference: float) -> None:
    assert figures.top1(measured(fp32), measured(int8)).difference == difference


def test_a_tenth_of_a_point_lost_is_within_a_tolerance_of_a_tenth() -> None:
    assert figures.accepted(figures.top1(measured(989), measured(988)), 0.1) is True
    assert figures.accepted(figures.top1(measured(989), measured(987)), 0.1) is False


def test_flips_count_predictions_that_differ_though_as_many_are_right() -> None:
    accuracy = figures.top1(measured(1, 3, (4, 5, 6)), measured(1, 3, (5, 5, 9)))
    assert (accuracy.difference, accuracy.flips) == (0.0, 2)


def test_an_evaluation_of_no_images_is_refused() -> None:
    with pytest.raises(DataError, match="of no images"):
        figures.top1(measured(0, 0, ()), measured(0, 0, ()))


def test_op_types_come_most_frequent_first_with_what_is_left() -> None:
    nodes = [verdict("p", "MaxPool"), verdict("a", "Conv2D"), verdict("b", "Conv2D", "excluded"), verdict("c", "Add")]
    decisions = Decisions.model_validate({"recipe": {}, "nodes": nodes})
    left = figures.fp32_nodes(decisions, frozenset({"p"}))
    found = {op: (count.INT8, count.FP32) for op, count in figures.by_op(decisions, left).items()}
    assert list(found.items()) == [("Conv2D", (1, 1)), ("Add", (1, 0)), ("MaxPool", (0, 1))]
