import re

from octavo.documents.result import Counts
from octavo.documents.timings import Timings
from octavo.report.charts import INK, ops_chart, ranges_chart, speed_chart
from octavo.report.int8_graph import Range
from report_inputs import timings


def speeds() -> str:
    return speed_chart(Timings.model_validate(timings({1: 1.25, 32: 2.5})).batches)


def test_the_same_figures_give_the_same_svg() -> None:
    assert speeds() == speeds()


def test_text_is_text_in_the_colour_of_the_page() -> None:
    svg = speeds()
    assert ">2,500  (2.50x)</text>" in svg
    assert "currentColor" in svg
    assert INK not in svg
    assert "font-family" not in svg


def test_an_svg_stands_alone() -> None:
    svg = ops_chart({"Conv2D": Counts(INT8=3, FP32=1)})
    assert svg.startswith("<svg")
    assert "://" not in svg
    assert "<metadata" not in svg
    assert "<style" not in svg
    assert set(re.findall(r'href="(.)', svg)) <= {"#"}


def test_long_names_keep_their_ends() -> None:
    svg = ranges_chart([Range(f"{'scope/' * 20}conv", -1.0, 1.0, "qint8")])
    assert re.search(r">\.\.\.[^<]*/conv</text>", svg)
