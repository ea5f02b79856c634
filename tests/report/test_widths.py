"""The report in the widths that Kubeflow's user interface has for it, laid out by a browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest

from report_inputs import ReportInputs, verdict

COMPARE, PANEL, WINDOW = 300, 447, 1440
"""Pixels: beside another run, beside the graph of a run, and in a window of its own."""

LEAST_TEXT = 11.0
"""Pixels that letters are high at least, as fonts are measured."""

FIRST_VIEW = 900
"""Pixels of height that a panel has."""

REASON = "no INT8 kernel for Conv2D + BiasAdd + LeakyRelu: the activation is not one that a kernel takes in"

HARNESS = """<!DOCTYPE html><body style="margin:0">
<iframe id="frame" style="border:0" width="{width}" height="{height}" srcdoc="{page}"></iframe>
<script>
const size = element => {{
  const own = parseFloat(getComputedStyle(element).fontSize);
  return element.ownerSVGElement ? own * element.getScreenCTM().a : own;
}};
const box = element => element.getBoundingClientRect();
const place = element => {{
  const rectangle = box(element), around = element.ownerSVGElement && box(element.ownerSVGElement);
  const text = element.textContent.trim().slice(0, 60), holder = element.closest("section, header, div");
  return {{
    text, size: size(element), left: rectangle.left, right: rectangle.right, top: rectangle.top,
    bottom: rectangle.bottom, tag: element.tagName, holder: holder ? holder.id || holder.className : "",
    drawn: around ? [around.left, around.right, around.top, around.bottom] : null,
  }};
}};
document.getElementById("frame").onload = () => {{
  const shown = document.getElementById("frame").contentDocument;
  const all = [...shown.body.querySelectorAll("*")].filter(each => box(each).width > 0);
  const written = all.filter(each => [...each.childNodes].some(n => n.nodeType == 3 && n.textContent.trim()));
  const scrolled = all.filter(each => !each.ownerSVGElement && getComputedStyle(each).display != "inline" &&
    each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 0);
  const root = shown.documentElement;
  document.title = "measured";
  document.body.innerHTML = `<pre id="found">${{JSON.stringify({{
    width: root.scrollWidth, frame: root.clientWidth, height: root.scrollHeight,
    texts: written.map(place), scrolled: scrolled.map(e => e.tagName + "." + e.className)
  }}).replace(/&/g, "&amp;").replace(/</g, "&lt;")}}</pre>`;
}};
</script></body>"""


@dataclass(frozen=True)
class Text:
    """An element with text of its own, as it is laid out; pixels from the frame's corner."""

    text: str
    size: float
    left: float
    right: float
    top: float
    bottom: float
    tag: str
    holder: str
    drawn: list[float] | None


@dataclass(frozen=True)
class Layout:
    """The page in a frame, of which a scroll bar takes some."""

    width: int
    frame: int
    height: int
    texts: list[Text]
    scrolled: list[str]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report with everything that can be wide: long names, many ranges, large numbers, a sentence about a lack."""
    inputs = ReportInputs(tmp_path_factory.mktemp("report"))
    convs = [verdict(f"mobilenet/block_{n}/depthwise/convolution", "DepthwiseConv2dNative") for n in range(12)]
    left = [verdict(f"mobilenet/block_{n}/expand/convolution", "Conv2D", REASON) for n in range(3)]
    inputs.decisions["nodes"] += [*convs, *left]
    inputs.int8_graph += "".join(
        f"mobilenet/block_{n}/expand/relu6_eightbit_quantize_input = QuantizeV2(input, low, high) T=qint8\n"
        for n in range(12)
    )
    assert inputs.benchmark is not None
    for entry in inputs.benchmark["batches"]:
        for graph in ("fp32", "int8"):
            entry[graph] |= {"images_per_second": 123456.78, "images_per_second_quartiles": [112345.67, 134567.89]}
    inputs.write()
    return inputs.page


@pytest.fixture(scope="module", params=[COMPARE, PANEL, WINDOW])
def layout(page: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """The page as a browser lays it out in a frame of each width."""
    return laid_out(page, request.param, tmp_path_factory.mktemp("layout"))


def laid_out(page: str, width: int, folder: Path) -> Layout:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    (folder / "harness.html").write_text(HARNESS.format(width=width, height=FIRST_VIEW, page=escape(page)))
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
    window = [f"--window-size={max(width, 600)},{FIRST_VIEW}", "--virtual-time-budget=10000"]
    done = subprocess.run(
        [
            chromium,
            *flags,
            *window,
            f"--user-data-dir={folder / 'profile'}",
            "--dump-dom",
            str(folder / "harness.html"),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stdout[-2000:]
    measured: dict[str, Any] = json.loads(unescape(found[1]))
    return Layout(**measured | {"texts": [Text(**each) for each in measured["texts"]]})


def test_nothing_is_wider_than_the_frame(layout: Layout) -> None:
    assert layout.width == layout.frame
    assert layout.scrolled == []
    assert [text for text in layout.texts if text.left < 0 or text.right > layout.frame + 0.5] == []


def test_every_text_is_large_enough_to_read(layout: Layout) -> None:
    assert [text for text in layout.texts if text.size < LEAST_TEXT] == []


def test_no_text_of_a_chart_is_cut_off(layout: Layout) -> None:
    drawn = [text for text in layout.texts if text.drawn]
    assert len(drawn) > 20
    for text in drawn:
        assert text.drawn is not None
        left, right, top, bottom = text.drawn
        assert left - 1 <= text.left, text
        assert text.right <= right + 1, text
        assert top - 1 <= text.top, text
        assert text.bottom <= bottom + 1, text


def test_the_verdict_and_four_figures_come_first_in_one_view(layout: Layout) -> None:
    tiles = [text for text in layout.texts if text.holder == "tile"]
    verdicts = [text for text in layout.texts if text.tag == "STRONG"]
    others = [text for text in layout.texts if text.tag == "H2"]

    assert [text.text for text in tiles if text.tag == "B"] == ["-1.00", "2.50x", "13 of 16", "1.1x"]
    assert [text.text for text in verdicts] == ["Accepted: the INT8 model is accurate enough"]
    assert max(text.bottom for text in verdicts) < min(text.top for text in tiles)
    assert max(text.bottom for text in tiles) < min(text.top for text in others)
    assert max(text.bottom for text in tiles) < FIRST_VIEW / 2
