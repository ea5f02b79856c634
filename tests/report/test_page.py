import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.image
import pytest

from report_inputs import ReportInputs, timings, verdict

ADDRESSES = {"src", "srcset", "href", "xlink:href", "action", "data", "poster", "background"}
VOID = {"meta", "br", "use", "path", "rect", "line"}
GREEN = (0xE3, 0xF5, 0xEE)
"""The background of the verdict "Accepted", in light mode."""


class Outline(HTMLParser):
    """Notes what a page points to, and that its elements are closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ADDRESSES]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag


def test_the_page_points_to_nothing_outside_itself(inputs: ReportInputs) -> None:
    inputs.write()
    outline = Outline(inputs.page)
    assert all(address.startswith("#") for address in outline.addresses)
    assert not {"script", "link", "iframe", "img", "object", "base"} & set(outline.tags)
    assert all(target.startswith("#") for target in re.findall(r"url\(['\"]?([^)]*)", inputs.page))
    assert "@import" not in inputs.page
    assert "http" not in inputs.page


def test_the_page_is_ascii_whatever_the_names(inputs: ReportInputs) -> None:
    inputs.decisions["nodes"].append(verdict("gr\u00f6\u00dfe", "Conv2D", "zu gro\u00df"))
    inputs.write()
    assert "gr&#246;&#223;e" in inputs.page


def test_names_are_text_and_never_markup(inputs: ReportInputs) -> None:
    inputs.decisions["nodes"].append(verdict("<script>alert(1)</script>", "Conv2D", "<b>"))
    inputs.write()
    assert "script" not in Outline(inputs.page).tags
    assert "&lt;script&gt;" in inputs.page


def test_the_verdict_says_why(inputs: ReportInputs) -> None:
    inputs.tolerance = 0.5
    inputs.write()
    assert "Not accepted" in inputs.page
    assert "Top-1 fell by 1.00 points, from 98.00 % to 97.00 % on 100 images" in inputs.page
    assert "the tolerance is 0.5 points of top-1" in inputs.page


def test_a_fixed_batch_is_said(inputs: ReportInputs) -> None:
    inputs.benchmark = timings({1: 1.5}, fixed_batch=1)
    inputs.write()
    assert "The graphs fix the batch at 1." in inputs.page


def test_a_long_list_is_folded_and_a_short_one_open(inputs: ReportInputs) -> None:
    inputs.decisions["nodes"] = [verdict("conv", "Conv2D", "because")]
    inputs.write()
    assert "<details open>\n<summary>1 stayed FP32" in inputs.page
    inputs.decisions["nodes"] = [verdict(f"conv{n}", "Conv2D", "because") for n in range(21)]
    inputs.write()
    assert "<details>\n<summary>21 stayed FP32" in inputs.page


def test_only_the_inputs_that_are_fed_are_listed(inputs: ReportInputs) -> None:
    inputs.write()
    assert "<code>input</code>, float32 [?, 4]" in inputs.page
    assert "keep_probability" not in inputs.page


@pytest.mark.parametrize(
    ("uri", "heading"),
    [
        ("s3://models/digits/model", "digits/model"),
        ("file:///models/mobilenet.pb", "mobilenet.pb"),
        ("net.pb", "net.pb"),
        ("/model", "/model"),
    ],
)
def test_the_heading_is_the_model_file_or_its_last_two_folders(inputs: ReportInputs, uri: str, heading: str) -> None:
    assert inputs.model is not None
    inputs.model = {**inputs.model, "uri": uri}
    inputs.write()
    assert f"<h1>{heading}</h1>" in inputs.page


def test_a_browser_shows_the_page_in_a_sandboxed_frame(inputs: ReportInputs) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    inputs.write()
    frame = inputs.folder / "frame.html"
    frame.write_text('<iframe sandbox="allow-scripts" src="report.html" width="900" height="900"></iframe>')
    picture = inputs.folder / "frame.png"
    subprocess.run(
        [chromium, *_flags(inputs.folder), f"--screenshot={picture}", frame.as_uri()], check=True, timeout=90
    )
    pixels = (matplotlib.image.imread(picture)[..., :3] * 255).round().astype(int)
    assert (pixels == GREEN).all(axis=-1).sum() > 20_000


def _flags(folder: Path) -> list[str]:
    quiet = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    window = ["--window-size=1000,1000", "--hide-scrollbars", f"--user-data-dir={folder / 'profile'}"]
    # a frame in a process of its own may not be drawn yet when the picture is taken
    complete = ["--disable-features=IsolateSandboxedIframes", "--virtual-time-budget=10000"]
    return ["--headless", "--no-sandbox", *quiet, *window, *complete]


def test_more_ranges_than_a_chart_holds_are_listed_without_one(inputs: ReportInputs) -> None:
    inputs.int8_graph += more_ranges(151)
    result = inputs.write()
    assert "More than 150 ranges are listed without a chart." in inputs.page
    assert inputs.page.count("<td>qint8</td>") == 152
    assert result.missing == ()


def test_as_many_ranges_as_a_chart_holds_are_drawn(inputs: ReportInputs) -> None:
    inputs.int8_graph += more_ranges(149)
    inputs.write()
    assert "without a chart" not in inputs.page
    assert 'aria-label="Calibrated ranges"' in inputs.page


def more_ranges(count: int) -> str:
    """Nodes of a graph that each quantize its input to the same range."""
    return "".join(f"x{n}_eightbit_quantize_input = QuantizeV2(input, low, high) T=qint8\n" for n in range(count))
